from __future__ import annotations

from django.apps import AppConfig


class ChannelsAppConfig(AppConfig):
    name = "channels_app"
    verbose_name = "Channels"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from channels_app.contract import adapters
        from isflow.infra.plugins import discover

        discover("channels_app.adapters", "adapters", adapters)
