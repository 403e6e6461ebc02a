"""A visitor writes, the workflow asks, keeps the answer, waits and assigns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from contacts.models import Tag
from conversations.models import Message
from isflow.workspaces.models import Role
from tests.factories import make_member, make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import document, journal, looking, only_run, publish, walk, write
from workflows.models import Decision, Enrolment, Event, Run, Wait

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def welcome(tag, user):
    return document(
        "conversation_opened",
        ("hello", "send_message", {"default": {"text": "Hi $contact.firstname|there"}}),
        (
            "ask",
            "ask_question",
            {
                "text": "Your e-mail?",
                "question_type": "email",
                "save": {"field": {"slug": "email"}, "variable": "mail"},
            },
            {"success": "tag", "failure": "sorry"},
        ),
        ("sorry", "send_message", {"default": {"text": "That is no e-mail address."}}, {"next": None}),
        ("tag", "update_contact_tag", {"action": "add", "tags": [{"id": tag.pk, "label": tag.name}]}),
        ("pause", "wait", {"duration": {"value": 3, "unit": "seconds"}}),
        ("assign", "assign_to", {"action": "user", "user": {"id": user.pk, "label": user.name}}),
        ("bye", "send_message", {"default": {"text": "$assignee.firstname is coming, $mail"}}),
    )


@pytest.fixture
def shop(clock):
    workspace = make_workspace()
    channel = make_channel(workspace, kind="web_chat")
    omar = make_member(workspace, Role.AGENT).user
    omar.first_name = "Omar"
    omar.save()
    with looking(workspace):
        tag = Tag.objects.create(workspace=workspace, name="newsletter")
    publish(workspace, welcome(tag, omar), "Welcome")
    return workspace, channel, omar


def texts(workspace):
    with looking(workspace):
        return list(Message.objects.filter(direction="out").order_by("pk").values_list("text", flat=True))


@pytest.mark.rule("S002.ask.success")
def test_the_story_runs_to_its_end(shop, clock):
    workspace, channel, omar = shop
    contact = write(channel, "hello")
    walk()
    assert texts(workspace) == ["Hi Ada", "Your e-mail?"]
    run = only_run(workspace)
    assert (run.status, run.step_id) == (Run.Status.WAITING, "ask")

    clock.shift(timedelta(seconds=5))
    write(channel, "a@b.co")
    walk()
    with looking(workspace):
        contact.refresh_from_db()
        assert contact.email == "a@b.co"
        assert list(contact.tags.values_list("name", flat=True)) == ["newsletter"]
        assert contact.assignee is None

    clock.shift(timedelta(seconds=2))
    walk()
    assert only_run(workspace).step_id == "pause"
    clock.shift(timedelta(seconds=2))
    walk()
    run = only_run(workspace)
    assert (run.status, run.end_reason) == (Run.Status.ENDED, "completed")
    with looking(workspace):
        contact.refresh_from_db()
        assert contact.assignee == omar
        assert journal(run) == [
            ("hello", "next"),
            ("ask", "success"),
            ("tag", "next"),
            ("pause", "next"),
            ("assign", "next"),
            ("bye", "next"),
        ]
        assert not Wait.objects.filter(status=Wait.Status.OPEN).exists()
        assert not Event.objects.filter(is_pending=True).exists()
        assert Decision.objects.count() == Event.objects.count()
        assert Enrolment.objects.count() == 1
    assert texts(workspace)[-1] == "Omar is coming, a@b.co"


@pytest.mark.rule("S002.ask.invalid_not_saved")
def test_an_invalid_answer_is_not_kept_and_takes_the_failure_way(shop, clock):
    workspace, channel, _ = shop
    contact = write(channel, "hello")
    walk()
    clock.shift(timedelta(seconds=5))
    write(channel, "abc")
    walk()
    run = only_run(workspace)
    assert (run.status, run.end_reason) == (Run.Status.ENDED, "completed")
    with looking(workspace):
        contact.refresh_from_db()
        assert contact.email == ""
    assert texts(workspace)[-1] == "That is no e-mail address."


@pytest.mark.rule("S002.ask.timeout_seven_days")
def test_no_answer_for_seven_days_ends_the_run(shop, clock):
    workspace, channel, _ = shop
    write(channel, "hello")
    walk()
    clock.shift(timedelta(days=7, seconds=-1))
    walk()
    assert only_run(workspace).status == Run.Status.WAITING
    clock.shift(timedelta(seconds=2))
    walk()
    run = only_run(workspace)
    assert (run.status, run.end_reason) == (Run.Status.ENDED, "timeout")
