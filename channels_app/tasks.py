"""Workers' side of the channels."""

from __future__ import annotations

import structlog
from celery import shared_task

from channels_app.services import deliveries_process, deliveries_prune
from isflow.infra.pruning import INTERVAL
from isflow.infra.schedules import register_schedule
from isflow.infra.tasks import register_hint

TASK = "channels_app.inbound"
SWEEP_SECONDS = 2

log = structlog.get_logger(__name__)

register_hint("inbound", task=TASK, queue="engine")
register_schedule("inbound", TASK, SWEEP_SECONDS, "engine")
register_schedule("channels_app.prune", "channels_app.prune", INTERVAL, "bulk")


@shared_task(name=TASK, ignore_result=True)
def inbound() -> None:
    """Read deliveries until nothing is due."""
    try:
        deliveries_process()
    except Exception:
        log.exception("inbound.stopped")


@shared_task(name="channels_app.prune", ignore_result=True)
def prune() -> None:
    """Delete deliveries that are kept no longer."""
    deliveries_prune()
