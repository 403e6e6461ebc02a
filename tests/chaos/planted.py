"""Bugs to be put into isflow on purpose, by ISFLOW_PLANTED: a check that does not notice them is no check."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from importlib import import_module

DESCRIPTIONS = {
    "no_fence": "a worker's writes do not ask whether the run is still its own",
    "resend": "a message whose sender died is put back into the queue",
    "no_sweeper": "nobody looks for due work without a hint",
    "publish_before_commit": "the event itself travels by the broker, published before the commit",
    "check_then_insert": "no constraint and no lock guard the one active run per contact",
    "timer_in_redis": "timers are delayed tasks instead of rows",
    "outcome_before_call": "a message counts as sent before the provider is called",
    "status_not_monotone": "the latest news of a message wins, whatever it says",
}


def planted():
    """Which bug is asked for; empty for none."""
    return os.environ.get("ISFLOW_PLANTED", "")


def plant_early():
    """What must be in place before tasks are declared."""
    if planted() == "no_sweeper":
        schedules = import_module("isflow.infra.schedules")
        schedules.register_schedule = lambda *_given, **_more: None
        # Else workers would give themselves the hints that nobody gives them.
        import_module("isflow.infra.selfcheck").connect = lambda: None


def plant():
    """Put the bug in place; everything is loaded."""
    if planted():
        _BUGS[planted()]()


def no_fence():
    loading, journal, runner = _modules("workflows.engine", "loading", "journal", "runner")
    models = import_module("workflows.models")

    def lock(claim, **given):
        tokens = dict(models.Run.objects.filter(pk__in=claim.contacts).values_list("pk", "lease_token"))
        return loading.lock(replace(claim, tokens={**claim.tokens, **tokens}), **given)

    runner.lock = lock
    journal.update_many = _without_fence(journal.update_many)


def resend():
    outcomes = import_module("conversations.outcomes")
    outcomes._lost = lambda message, now: outcomes.Attempt(message, "queued", now)


def no_sweeper():
    """Done early: no schedule is declared."""


def publish_before_commit():
    celery = import_module("celery")
    events = import_module("workflows.engine.events")
    models = import_module("workflows.models")
    scope = import_module("isflow.workspaces.scope")
    pull = import_module("workflows.engine.pull")
    real = events.store

    @celery.shared_task(name="chaos.decide", ignore_result=True)
    def decide(ids):
        with scope.all_workspaces():
            models.Event.objects.filter(pk__in=ids, decision=None).update(is_pending=True)
        pull.pull()

    def store(*, events, **signal):
        last = models.Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        real(events=events, **signal)
        mine = models.Event.objects.filter(pk__gt=last, is_pending=True)
        ids = list(mine.values_list("pk", flat=True))
        mine.update(is_pending=False)
        with suppress(Exception):
            celery.current_app.send_task("chaos.decide", args=[ids], queue="engine", retry=False)

    recorded = import_module("isflow.workspaces.events").events_recorded
    recorded.disconnect(dispatch_uid="workflows.store")
    recorded.connect(store, weak=False, dispatch_uid="workflows.store")


def check_then_insert():
    """The constraints are dropped by the seed; here goes the lock."""
    webhook = import_module("workflows.services.webhook")
    selectors = import_module("contacts.selectors")
    webhook.contacts_by_identifier = lambda kind, value, **_lock: selectors.contacts_by_identifier(
        kind, value
    )


def timer_in_redis():
    celery = import_module("celery")
    journal = import_module("workflows.engine.journal")
    models = import_module("workflows.models")
    scope = import_module("isflow.workspaces.scope")
    clock = import_module("workflows.engine.clock")
    pull = import_module("workflows.engine.pull")
    transaction = import_module("django.db").transaction
    real = journal._cursor
    place = 2 + journal._RUN_FIELDS.index("wake_at")

    @celery.shared_task(name="chaos.wake", ignore_result=True)
    def wake(run_id):
        with scope.all_workspaces():
            models.Run.objects.filter(pk=run_id, status="waiting", lease_until=None).update(
                wake_at=clock.now()
            )
        pull.pull()

    def cursor(item, claim, at):
        row = list(real(item, claim, at))
        if item.passage.wait is not None and item.passage.wait.kind == "timer":
            seconds = (row[place] - at).total_seconds()
            row[place] = at + timedelta(days=1)

            def send():
                with suppress(Exception):
                    celery.current_app.send_task(
                        "chaos.wake", args=[item.run.pk], countdown=seconds, queue="engine", retry=False
                    )

            transaction.on_commit(send)
        return tuple(row)

    journal._cursor = cursor


def outcome_before_call():
    outbound, outcomes = _modules("conversations", "outbound", "outcomes")
    timezone = import_module("django.utils.timezone")
    connection = import_module("django.db").connection
    real = outbound._attempt

    def attempt(message):
        outcomes.outcomes_record([outcomes.Attempt(message, "sent", timezone.now())])
        connection.close()
        return real(message)

    outbound._attempt = attempt


def status_not_monotone():
    statuses = import_module("conversations.statuses")
    statuses.climb = lambda current, news: news if news in statuses.LADDER else current


def _modules(package, *names):
    return [import_module(f"{package}.{name}") for name in names]


def _without_fence(update_many):
    def careless(model, key, fields, rows, *, fence=(), where=None):  # noqa: PLR0913 - as the real one
        bare = [(row[0], *row[1 + len(fence) :]) for row in rows]
        return update_many(model, key, fields, bare, where=where)

    return careless


_BUGS = {
    "no_fence": no_fence,
    "resend": resend,
    "no_sweeper": no_sweeper,
    "publish_before_commit": publish_before_commit,
    "check_then_insert": check_then_insert,
    "timer_in_redis": timer_in_redis,
    "outcome_before_call": outcome_before_call,
    "status_not_monotone": status_not_monotone,
}
