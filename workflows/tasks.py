"""Doors for Celery: thin, repeatable at will, carrying no facts."""

from __future__ import annotations

from celery import shared_task

from isflow.infra.pruning import INTERVAL
from isflow.infra.schedules import register_schedule
from isflow.infra.tasks import register_hint
from isflow.infra.workers import beat
from workflows.engine.alarm import alarm
from workflows.engine.pull import pull
from workflows.engine.turns import turns
from workflows.retention import history_prune
from workflows.services.notices import notices_send

register_hint("engine", task="workflows.pull", queue="engine")
register_schedule("workflows.sweep", "workflows.pull", 1, "engine")
register_schedule("workflows.prune", "workflows.prune", INTERVAL, "bulk")
register_schedule("workflows.notices", "workflows.notices", 60, "bulk")


@shared_task(name="workflows.pull", ignore_result=True)
def pull_due() -> None:
    """Work until nothing is due, and look ahead. Serves hints and the sweep alike."""
    turns.take(lambda is_awaited: pull(lambda: _is_enough() or is_awaited(), alarm.set))


@shared_task(name="workflows.notices", ignore_result=True)
def send_notices() -> None:
    """Tell Owners and Managers what needs their attention."""
    notices_send()


@shared_task(name="workflows.prune", ignore_result=True)
def prune() -> None:
    """Delete runs and events that are kept no longer."""
    history_prune()


def _is_enough() -> bool:
    """Never enough; but say between two batches that this process is alive."""
    beat()
    return False
