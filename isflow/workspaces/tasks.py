"""Background work of this app: mails of notifications, people who have gone."""

from __future__ import annotations

from celery import shared_task

from isflow.infra.schedules import register_schedule
from isflow.infra.tasks import hint, register_hint
from isflow.workspaces.notifications import HINT, MAIL_BATCH, send_due_mails
from isflow.workspaces.presence import presence_sweep

register_hint(HINT, task="workspaces.send_notifications", queue="bulk")
register_schedule("send notifications", "workspaces.send_notifications", 60, "bulk")
register_schedule("presence", "workspaces.sweep_presence", 30, "bulk")


@shared_task(name="workspaces.send_notifications")
def send_notifications() -> None:
    """Mail what is due; a full batch asks for another turn."""
    if send_due_mails() == MAIL_BATCH:
        hint(HINT)


@shared_task(name="workspaces.sweep_presence")
def sweep_presence() -> None:
    """Put idle people offline."""
    presence_sweep()
