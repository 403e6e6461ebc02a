"""What workers do for this app: send what is queued."""

from __future__ import annotations

import structlog
from celery import shared_task

from conversations.limits import rests_prune
from conversations.outbound import messages_recover, messages_send
from isflow.infra.pruning import INTERVAL
from isflow.infra.schedules import register_schedule
from isflow.infra.tasks import register_hint

SWEEP_SECONDS = 2

log = structlog.get_logger(__name__)

register_hint("send", task="conversations.send", queue="send")
register_schedule("conversations.sweep", "conversations.sweep", SWEEP_SECONDS, "send")
register_schedule("conversations.prune", "conversations.prune", INTERVAL, "bulk")


@shared_task(name="conversations.send")
def send() -> None:
    """Send queued messages until nothing is due."""
    messages_send()


@shared_task(name="conversations.sweep")
def sweep() -> None:
    """Settle abandoned messages, then send what is due, whether or not a hint arrived."""
    try:
        messages_recover()
    except Exception:
        log.exception("messages.recover_failed")
    messages_send()


@shared_task(name="conversations.prune")
def prune() -> None:
    """Delete what only mattered for a moment."""
    rests_prune()
