from __future__ import annotations

import pytest
from django.utils.module_loading import autodiscover_modules
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from isflow.infra import schedules
from isflow.infra.schedules import register_schedule, sync_schedules


@pytest.fixture(autouse=True)
def declared(monkeypatch):
    # What the apps declare goes into the real list, not into the one of this test.
    autodiscover_modules("tasks")
    known = {}
    monkeypatch.setattr(schedules, "SCHEDULES", known)
    return known


def rows():
    return {row.name: row for row in PeriodicTask.objects.all()}


def test_a_name_means_one_thing_only():
    register_schedule("sweep", "app.sweep", 1, "engine")
    register_schedule("sweep", "app.sweep", 1, "engine")
    with pytest.raises(ValueError, match="already registered"):
        register_schedule("sweep", "app.other", 1, "engine")


def test_nothing_runs_more_often_than_once_a_second():
    with pytest.raises(ValueError, match="once a second"):
        register_schedule("sweep", "app.sweep", 0, "engine")


@pytest.mark.django_db
def test_a_declared_schedule_becomes_a_row_that_expires():
    register_schedule("sweep", "app.sweep", 1, "engine")
    register_schedule("prune", "app.prune", 3600, "bulk")

    sync_schedules()

    sweep, prune = rows()["isflow:sweep"], rows()["isflow:prune"]
    assert (sweep.task, sweep.queue, sweep.interval.every, sweep.expire_seconds) == (
        "app.sweep",
        "engine",
        1,
        2,
    )
    assert (prune.task, prune.queue, prune.interval.every, prune.expire_seconds) == (
        "app.prune",
        "bulk",
        3600,
        3600,
    )


@pytest.mark.django_db
def test_a_changed_schedule_changes_its_row(declared):
    register_schedule("sweep", "app.sweep", 1, "engine")
    sync_schedules()
    declared.clear()
    register_schedule("sweep", "app.sweep", 5, "bulk")

    sync_schedules()

    row = rows()["isflow:sweep"]
    assert (row.queue, row.interval.every) == ("bulk", 5)


@pytest.mark.django_db
def test_stale_rows_of_ours_go_and_foreign_ones_stay(declared):
    register_schedule("old", "app.old", 1, "engine")
    sync_schedules()
    declared.clear()
    hourly = IntervalSchedule.objects.create(every=1, period="hours")
    PeriodicTask.objects.create(name="backup", task="site.backup", interval=hourly)

    sync_schedules()

    assert set(rows()) == {"backup"}


@pytest.mark.django_db
def test_an_operators_pause_survives():
    register_schedule("sweep", "app.sweep", 1, "engine")
    sync_schedules()
    PeriodicTask.objects.update(enabled=False)

    sync_schedules()

    assert not rows()["isflow:sweep"].enabled


@pytest.mark.django_db
def test_nothing_is_written_when_nothing_changed(django_assert_num_queries):
    register_schedule("sweep", "app.sweep", 1, "engine")
    sync_schedules()

    with django_assert_num_queries(4):  # savepoint, rows, interval, release
        sync_schedules()
