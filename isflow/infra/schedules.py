"""Periodic work, declared in code and mirrored into the rows that Celery beat reads."""

from __future__ import annotations

from dataclasses import dataclass

from django.apps import apps
from django.db import transaction
from django.utils.module_loading import autodiscover_modules

PREFIX = "isflow:"
"""Rows whose names start so are ours to create, change and remove; all others are the operator's."""
SHORTEST_EXPIRY = 2


@dataclass(frozen=True)
class Schedule:
    """A task that beat sends to a queue every so many seconds."""

    name: str
    task: str
    every_seconds: int
    queue: str

    @property
    def expire_seconds(self) -> int:
        """Age at which an untaken tick is worthless, so that a stopped worker finds no pile of them."""
        return max(self.every_seconds, SHORTEST_EXPIRY)


SCHEDULES: dict[str, Schedule] = {}
"""Every declared schedule by name; filled by the apps' tasks modules."""


def register_schedule(name: str, task: str, every_seconds: int, queue: str) -> None:
    """Have ``task`` sent to ``queue`` periodically. Another meaning for a known name raises ValueError."""
    schedule = Schedule(name, task, every_seconds, queue)
    if every_seconds < 1:
        raise ValueError(f"The schedule {name!r} must not run more often than once a second.")
    if SCHEDULES.setdefault(name, schedule) != schedule:
        raise ValueError(f"The schedule {name!r} is already registered.")


def sync_schedules() -> None:
    """Make beat's rows equal to the declared schedules; an operator's pause (``enabled``) is kept."""
    # The declarations stand in the apps' tasks modules, which nothing else needs to have imported yet.
    autodiscover_modules("tasks")
    tasks = apps.get_model("django_celery_beat", "PeriodicTask")
    with transaction.atomic():
        known = {row.name: row for row in tasks.objects.filter(name__startswith=PREFIX)}
        for schedule in SCHEDULES.values():
            row = known.pop(PREFIX + schedule.name, None) or tasks(name=PREFIX + schedule.name)
            _write(row, schedule)
        for stale in known.values():
            stale.delete()


def _write(row: object, schedule: Schedule) -> None:
    """Save a row only if it differs: every save makes beat read its whole table again."""
    intervals = apps.get_model("django_celery_beat", "IntervalSchedule")
    interval = intervals.objects.filter(every=schedule.every_seconds, period="seconds").first()
    if interval is None:
        interval = intervals.objects.create(every=schedule.every_seconds, period="seconds")
    wanted = {
        "task": schedule.task,
        "queue": schedule.queue,
        "interval_id": interval.pk,
        "expire_seconds": schedule.expire_seconds,
    }
    if getattr(row, "pk", None) and all(getattr(row, name) == value for name, value in wanted.items()):
        return
    for name, value in wanted.items():
        setattr(row, name, value)
    row.save()  # type: ignore[attr-defined]  # the model class is only known at run time
