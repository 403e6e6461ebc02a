from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WorkspacesConfig(AppConfig):
    name = "isflow.workspaces"
    label = "workspaces"
    verbose_name = _("Workspaces")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from isflow.workspaces import checks, pages, receivers, streams, tasks  # noqa: F401 - they register themselves

        checks.register_checks()
