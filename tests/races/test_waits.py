"""Answer, time-out and stop meet at one waiting run: exactly one of them decides it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from channels_app.contract import InboundMessage
from contacts.models import ContactTag
from conversations.inbound import receive
from isflow.workspaces.scope import workspace_scope
from tests.factories_contacts import make_tag
from tests.factories_workflows import document, journal, looking, publish, walk
from tests.races.arena import ROUNDS, together
from workflows.engine.exits import eject
from workflows.models import Decision, Run, Wait

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]


def question(tag):
    return document(
        "conversation_opened",
        ("ask", "ask_question", {"text": "Well?"}, {"success": "tag"}),
        ("tag", "update_contact_tag", {"tags": [{"id": tag.pk, "label": tag.name}]}),
    )


def say(channel, sender, text, number):
    message = InboundMessage(
        external_id=f"{sender}-{number}", sender=sender, sent_at=timezone.now(), text=text
    )
    receive(channel, [message])


def outcome(run):
    """Who won, having checked that nobody else did."""
    run.refresh_from_db()
    wait = Wait.objects.get(run=run)
    tags = ContactTag.objects.filter(contact=run.contact_id).count()
    answered = [d for d in Decision.objects.filter(event__contact=run.contact_id) if named(d, "answered")]
    assert run.status == "ended"
    assert run.wake_at is None
    assert len(answered) == (wait.status == "resolved" and wait.resolution["type"] == "reply"), (
        "the message's verdict tells what happened"
    )
    seen = (run.end_reason, tags, journal(run)[0][1])
    if run.end_reason == "completed":
        assert (tags, journal(run)) == (1, [("ask", "success"), ("tag", "next")]), seen
        assert wait.resolution["type"] == "reply"
        return "answer"
    assert tags == 0, seen
    assert len(journal(run)) == 1, seen
    if run.end_reason == "stopped_workflow":
        return "stop"
    assert run.end_reason == "timeout", seen
    assert wait.resolution["type"] == "timed_out"
    return "timeout"


def named(decision, verdict):
    return any(row[1] == verdict for row in decision.verdicts)


@pytest.mark.rule("DS4.one_open_wait")
def test_of_answer_timeout_and_stop_exactly_one_wins(shop):
    workspace, channel = shop
    publish(workspace, question(make_tag(workspace)))
    winners = Counter()
    for number in range(ROUNDS):
        visitor = f"visitor-{number}"
        say(channel, visitor, "Hello", 1)
        walk()
        with looking(workspace):
            run = Run.objects.get(status="waiting")
            past = timezone.now() - timedelta(microseconds=1)
            Wait.objects.filter(run=run).update(wake_at=past)
            Run.objects.filter(pk=run.pk).update(wake_at=past)

        def answer(visitor=visitor):
            say(channel, visitor, "Yes", 2)
            walk()

        def stop(run=run):
            with workspace_scope(workspace.pk), transaction.atomic():
                eject(Run.objects.filter(pk=run.pk), reason="stopped_workflow")

        together(*[(answer, walk, stop), (stop, answer, walk), (walk, stop, answer)][number % 3])
        walk()
        with looking(workspace):
            winners[outcome(run)] += 1
    assert sum(winners.values()) == ROUNDS
