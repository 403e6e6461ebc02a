"""Doors for Celery: thin, repeatable at will, carrying no facts."""

from __future__ import annotations

from celery import shared_task

from isflow.infra.schedules import register_schedule
from isflow.infra.tasks import register_hint
from workflows.engine.pull import pull

register_hint("engine", task="workflows.pull", queue="engine")
register_schedule("workflows.sweep", "workflows.pull", 1, "engine")


@shared_task(name="workflows.pull", ignore_result=True)
def pull_due() -> None:
    """Work until nothing is due. Serves hints and the sweep alike."""
    pull()
