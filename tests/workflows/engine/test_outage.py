"""A provider down for a day sends runs along their failure path; one that returns, along the other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from conversations.models import Message
from conversations.outbound import messages_recover, messages_send
from isflow.workspaces.scope import workspace_scope
from tests.emulated import outbox
from tests.factories import make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import document, journal, publish, walk, write
from workflows.models import Run

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    outbox.clear_all()
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller
    outbox.clear_all()


@pytest.fixture
def shop(clock):
    workspace = make_workspace()
    channel = make_channel(workspace, kind="emulated_chat")
    draft = document(
        "conversation_opened",
        (
            "tell",
            "send_message",
            {"default": {"text": "Hello"}, "failure_branch": True},
            {"next": "good", "message_failure": "bad"},
        ),
        ("good", "add_comment", {"text": "It arrived."}, {"next": None}),
        ("bad", "add_comment", {"text": "It did not."}),
    )
    publish(workspace, draft)
    write(channel, "Hi")
    walk()
    return workspace


def work(clock, seconds):
    """Sweep every ten seconds."""
    for _ in range(seconds // 10):
        messages_recover()
        messages_send(seconds=1)
        walk()
        clock.shift(timedelta(seconds=10))


@pytest.fixture
def others(shop):
    """Enough messages that the outage shows."""
    with workspace_scope(shop.pk):
        (message,) = Message.objects.filter(direction="out")
        channel = message.channel
    for number in range(4):
        write(channel, "Hi", sender=f"other-{number}")
    walk()


def test_after_a_day_the_run_leaves_by_its_failure_path(shop, others, clock):
    with outbox.chat.failing(permanent=False):
        work(clock, 120)
        with workspace_scope(shop.pk):
            assert set(Run.objects.values_list("status", flat=True)) == {"waiting"}
            assert set(Message.objects.filter(direction="out").values_list("status", flat=True)) == {"queued"}
        clock.shift(timedelta(hours=24))
        work(clock, 20)
    with workspace_scope(shop.pk):
        runs = list(Run.objects.all())
        assert len(runs) == 5
        assert {tuple(journal(run)) for run in runs} == {(("tell", "message_failure"), ("bad", "next"))}
    assert outbox.chat.sent == []


def test_a_provider_back_after_an_hour_gets_every_message_once(shop, others, clock):
    with outbox.chat.failing(permanent=False):
        work(clock, 600)
        clock.shift(timedelta(hours=1))
    work(clock, 20)
    assert len(outbox.chat.sent) == len({one.key for one in outbox.chat.sent}) == 5
    with workspace_scope(shop.pk):
        assert {tuple(journal(run)) for run in Run.objects.all()} == {(("tell", "next"), ("good", "next"))}
