"""What cannot be decided or read harms only itself, and heals when the cause is gone."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import DataError

from isflow.infra import faults
from tests.factories import make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import document, looking, publish, walk, write
from workflows.contract import Leave, StepConfig, StepType, step_types
from workflows.engine import dispatcher, versions
from workflows.models import Decision, Event, Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    workspace = make_workspace()
    return workspace, make_channel(workspace, kind="web_chat")


def test_an_event_that_cannot_be_decided_is_set_aside_and_the_others_go_on(shop, monkeypatch):
    workspace, channel = shop
    publish(workspace, document("conversation_opened", ("hi", "send_message", {"default": {"text": "Hi"}})))
    poison = write(channel, "hello", sender="bob")
    good = write(channel, "hello", sender="ada")
    decide = dispatcher._decide

    def refuse(events, *args):
        if any(event.contact_id == poison.pk for event in events):
            raise DataError("bad bytes")
        return decide(events, *args)

    monkeypatch.setattr(dispatcher, "_decide", refuse)
    walk()
    with looking(workspace):
        assert Run.objects.get().contact_id == good.pk
        assert not Event.objects.filter(is_pending=True).exists()
        verdicts = Decision.objects.filter(event__contact=poison).values_list("verdicts", flat=True)
        assert {row[0][1] for row in verdicts} == {"failed"}
        assert "bad bytes" in verdicts[0][0][3]


class ExoticConfig(StepConfig):
    """No settings."""


def test_a_run_whose_step_type_is_gone_is_held_until_it_is_back(shop):
    workspace, channel = shop

    @step_types.register("exotic")
    class Exotic(StepType[ExoticConfig]):
        label = "Exotic"
        config_class = ExoticConfig

        def execute(self, ctx, config):
            return Leave("next")

    with time_machine.travel(datetime(2026, 11, 20, 9, tzinfo=UTC), tick=False) as clock:
        try:
            pause = ("pause", "wait", {"duration": {"value": 1, "unit": "minutes"}})
            publish(workspace, document("conversation_opened", pause, ("odd", "exotic", {})))
            write(channel, "hello")
            walk()
            step_types.unregister("exotic")
            versions.forget_all()
            clock.shift(timedelta(minutes=2))
            write(channel, "hello", sender="bob")
            walk()
            with looking(workspace):
                run = Run.objects.get()
                assert run.status == Run.Status.HELD
                assert "cannot be read" in run.end_message
                assert "unreadable" in {
                    row[1] for rows in Decision.objects.values_list("verdicts", flat=True) for row in rows
                }
            step_types.register("exotic")(Exotic)
            versions.forget_all()
            clock.shift(timedelta(minutes=5))
            walk()
            with looking(workspace):
                run.refresh_from_db()
                assert (run.status, run.end_reason, run.end_message) == ("ended", "completed", "")
        finally:
            step_types.unregister("exotic")
            versions.forget_all()


def test_a_run_that_kills_its_worker_takes_nobody_along(shop):
    """All runs of a batch lose their lease with it; then each is tried alone, and only one kills again."""
    workspace, channel = shop
    deaths = []

    @step_types.register("deadly")
    class Deadly(StepType[ExoticConfig]):
        label = "Deadly"
        config_class = ExoticConfig

        def execute(self, ctx, config):
            if ctx.snapshot.contact.id == bad.pk:
                deaths.append(1)
                faults.die()
            return Leave("next")

    with time_machine.travel(datetime(2026, 11, 20, 9, tzinfo=UTC), tick=False) as clock:
        try:
            publish(workspace, document("conversation_opened", ("odd", "deadly", {})))
            bad, *others = [write(channel, "hello", sender=f"someone{number}") for number in range(24)]
            for _ in range(6):
                with suppress(faults.Crash):
                    walk()
                clock.shift(timedelta(seconds=11))
        finally:
            step_types.unregister("deadly")
    with looking(workspace):
        assert Run.objects.get(contact=bad).end_reason == "quarantined"
        assert Run.objects.filter(contact__in=others, end_reason="completed").count() == len(others)
    assert len(deaths) == 3
