"""Workers' side of the channels."""

from __future__ import annotations

import structlog
from celery import shared_task

from channels_app.services import deliveries_process
from isflow.infra.schedules import register_schedule
from isflow.infra.tasks import register_hint

TASK = "channels_app.inbound"
SWEEP_SECONDS = 5

log = structlog.get_logger(__name__)

register_hint("inbound", task=TASK, queue="engine")
register_schedule("inbound", TASK, SWEEP_SECONDS, "engine")


@shared_task(name=TASK, ignore_result=True)
def inbound() -> None:
    """Read deliveries until nothing is due."""
    try:
        deliveries_process()
    except Exception:
        log.exception("inbound.stopped")
