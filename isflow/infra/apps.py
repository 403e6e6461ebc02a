"""The Django app of the shared, model-less helpers."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _


class InfraConfig(AppConfig):
    name = "isflow.infra"
    label = "infra"
    verbose_name = _("Infrastructure")

    def ready(self) -> None:
        from isflow.infra import checks, selfcheck, sqlite
        from isflow.infra.logging import configure_logging

        checks.register_checks()
        sqlite.connect()
        selfcheck.connect()
        configure_logging(settings.LOG_LEVEL, json=settings.LOG_JSON)
