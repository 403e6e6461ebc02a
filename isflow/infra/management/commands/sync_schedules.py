"""Bring Celery beat's rows in line with the schedules declared in code."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from isflow.infra.schedules import SCHEDULES, sync_schedules


class Command(BaseCommand):
    """Write the declared schedules for beat; run it after every deployment."""

    help = "Write the declared schedules for Celery beat."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        sync_schedules()
        self.stdout.write(f"{len(SCHEDULES)} schedules are in place.")
