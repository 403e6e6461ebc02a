"""Doors for Celery: thin, repeatable at will, carrying no facts."""

from __future__ import annotations

from celery import shared_task
from celery.signals import worker_init, worker_shutdown, worker_shutting_down

from isflow.infra.pruning import INTERVAL
from isflow.infra.schedules import register_schedule
from isflow.infra.tasks import attend_hint, register_hint
from isflow.infra.workers import beat
from workflows.engine.alarm import alarm
from workflows.engine.flights import flights
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
    _pull()


@shared_task(name="workflows.notices", ignore_result=True)
def send_notices() -> None:
    """Tell Owners and Managers what needs their attention."""
    notices_send()


@shared_task(name="workflows.prune", ignore_result=True)
def prune() -> None:
    """Delete runs and events that are kept no longer."""
    history_prune()


@worker_init.connect
def attend_calls(**_signal: object) -> None:
    """In a worker no task waits for calls: once some are back, another thread goes on with their runs."""
    flights.watch(_pull)
    attend_hint("engine", _hear)


@worker_shutting_down.connect
def finish_batch(**_signal: object) -> None:
    """Claim nothing more, however much is due."""
    flights.is_closing = True


@worker_shutdown.connect
def finish_calls(**_signal: object) -> None:
    """Write down what calls under way bring back before the process ends."""
    flights.close()


def _pull() -> int:
    return turns.take(lambda: pull(_is_enough, alarm.set))


def _hear() -> bool:
    return not flights.is_closing and turns.ask()


def _is_enough() -> bool:
    """Whether this process is about to end; between two batches it also says that it is alive."""
    beat()
    return flights.is_closing
