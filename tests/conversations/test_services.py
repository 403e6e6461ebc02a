from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from channels_app.contract import Attachment, Option
from conversations.changes import AddComment
from conversations.models import (
    Assignment,
    ClosingCategory,
    Comment,
    Conversation,
    Message,
    Participant,
)
from conversations.realtime import announcing
from conversations.services import (
    comments_add,
    contacts_assign,
    conversation_mark_read,
    conversations_close,
    conversations_open,
    messages_queue,
)
from isflow.kernel.actor import Actor
from tests.factories import make_member
from tests.factories_conversations import FLOW, NOON, USER, Site


def kinds(events):
    return [event.kind for event in events]


def statements(action):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        action()
    return [
        query["sql"] for query in queries if not query["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN"))
    ]


# --- opening


def test_opening_creates_an_episode_with_its_participants_and_events(site, agent, events):
    actor = Actor(source="user", user_id=agent.pk)
    conversation = site.open(actor=actor, channel_id=site.channel.pk)

    assert conversation.is_open
    assert conversation.is_latest
    assert conversation.opened_by_name == agent.name
    assert kinds(events) == [
        "conversation_created",
        "conversation_opened",
        "participant_added",
        "participant_added",
    ]
    facts = events[1].payload
    assert facts["source"] == facts["opened_by_source"] == "user"
    assert facts["opened_by_user_email"] == agent.email
    assert facts["opened_at"] == NOON.isoformat()
    assert facts["channel_id"] == site.channel.pk
    assert facts["first_incoming_message"] is None
    assert [event.payload["participant_type"] for event in events[2:]] == ["contact", "user"]
    assert events[1].actor == actor


def test_opening_an_open_conversation_changes_nothing(site, events):
    site.open()
    events.clear()
    site.open()
    assert events == []
    with site.scope():
        assert Conversation.objects.count() == 1
        assert conversations_open([site.opening(), site.opening()]) == []


def test_opening_again_makes_the_new_episode_the_latest(site):
    first = site.open()
    site.close()
    second = site.open(at=NOON + timedelta(days=1))
    first.refresh_from_db = None
    with site.scope():
        assert list(Conversation.objects.filter(is_latest=True)) == [second]
        assert Conversation.objects.count() == 2


def test_a_workflow_that_opens_takes_part_as_flow(site):
    conversation = site.open(actor=FLOW)
    with site.scope():
        rows = set(Participant.objects.filter(conversation=conversation).values_list("type", "ref"))
    assert rows == {("contact", str(site.contact.pk)), ("flow", "7")}


def test_contacts_of_another_workspace_are_left_out(site, rival, events):
    with site.scope():
        assert conversations_open([rival.opening()]) == []
        assert conversations_close([rival.closing()]) == []
        assert contacts_assign([rival.assigning(None)]) == []
        assert messages_queue([rival.message()]) == {}
        assert comments_add([AddComment(rival.contact.pk, "x", NOON)]) == []
    assert events == []


# --- closing


def test_closing_leaves_the_note_and_tells_the_durations(site, agent, events):
    site.open()
    site.queue(actor=Actor(source="user", user_id=agent.pk), at=NOON + timedelta(seconds=90))
    site.assign(agent)
    with site.scope():
        category = ClosingCategory.objects.create(workspace=site.workspace, name="Sales")
    events.clear()

    site.close(category_id=category.pk, summary="Bought it", actor=Actor(source="user", user_id=agent.pk))

    assert kinds(events) == ["conversation_closed"]
    facts = events[0].payload
    assert facts["category"] == "Sales"
    assert facts["category_id"] == category.pk
    assert facts["summary"] == "Bought it"
    assert facts["resolution_time"] == 3600
    assert facts["first_response_time"] == 90
    assert facts["outgoing_message_count"] == 1
    assert facts["assignee"] == agent.name
    assert facts["closed_by_user_id"] == agent.pk
    with site.scope():
        conversation = Conversation.objects.get()
    assert not conversation.is_open
    assert conversation.category_name == "Sales"


@pytest.mark.rule("SP2.8.close.already_closed")
def test_closing_twice_changes_nothing(site, events):
    site.open()
    site.close()
    events.clear()
    assert site.close() == []
    assert events == []


@pytest.mark.rule("S000.closed.not_by_merge")
def test_closing_by_merge_fires_nothing(site, events):
    site.open()
    events.clear()
    assert site.close(actor=Actor(source="merge")) == [site.contact.pk]
    assert events == []


def test_a_workflows_message_is_no_first_response(site, events):
    site.open()
    site.queue(actor=FLOW)
    site.close()
    assert events[-1].payload["first_response_time"] is None


# --- assigning


def test_assigning_moves_the_participants_and_keeps_history(site, agent, other_agent, events):
    site.open(actor=FLOW)
    events.clear()
    site.assign(agent)
    site.assign(other_agent)

    assert kinds(events) == [
        "contact_assigned",
        "participant_added",
        "contact_assigned",
        "participant_removed",
        "participant_added",
    ]
    assert events[2].payload["user_id"] == other_agent.pk
    assert events[2].payload["previous_user_id"] == agent.pk
    assert events[2].payload["by_source"] == "user"
    with site.scope():
        assert [row.user_id for row in Assignment.objects.order_by("pk")] == [agent.pk, other_agent.pk]
        site.contact.refresh_from_db()
    assert site.contact.assignee_id == other_agent.pk
    assert site.contact.assigned_at == NOON


def test_the_same_assignee_again_is_no_change(site, agent, events):
    site.assign(agent)
    events.clear()
    assert site.assign(agent) == []
    assert events == []


def test_unassigning_tells_who_was_responsible(site, agent, events):
    site.assign(agent)
    events.clear()
    site.assign(None)
    assert events[0].payload["user_id"] is None
    assert events[0].payload["previous_user_id"] == agent.pk


def test_strangers_cannot_be_assigned(site, rival, events):
    stranger = make_member(rival.workspace).user
    assert site.assign(stranger) == []
    assert events == []


def test_the_assignee_takes_part_in_the_next_episode(site, agent):
    site.assign(agent)
    conversation = site.open(actor=FLOW)
    with site.scope():
        assert Participant.objects.filter(conversation=conversation, type="user", ref=str(agent.pk)).exists()


# --- messages


def test_a_queued_message_waits_for_the_sender(site, events, hints):
    conversation = site.open()
    events.clear()
    outcome = site.queue(text="Hello", options=(Option("a", "Yes"),))

    assert outcome.status == "queued"
    assert "send" in hints
    assert kinds(events) == ["message_created", "participant_added"]
    facts = events[0].payload
    assert (facts["direction"], facts["sender_type"], facts["sender_name"]) == ("out", "flow", "Welcome")
    with site.scope():
        message = Message.objects.get()
        conversation.refresh_from_db()
    assert (message.run_id, message.workflow_id) == (70, 7)
    assert message.conversation_id == conversation.pk
    assert conversation.outgoing_count == 1
    assert conversation.last_message_text == "Hello 1. Yes"


@pytest.mark.rule("DS3.web_chat_instant")
def test_a_message_on_an_instant_channel_is_sent_at_once(db, hints):
    site = Site(kind="fake_instant")
    outcome = site.queue()
    assert outcome.status == "sent"
    assert "send" not in hints


def test_a_key_is_used_once_for_ever(site, events):
    first = site.queue(key="run:1:1")
    events.clear()
    second = site.queue(key="run:1:1", text="Another text")
    assert first.message_id == second.message_id
    assert events == []
    with site.scope():
        twice = messages_queue([site.message(key="x", text="first"), site.message(key="x", text="second")])
        assert len(twice) == 1
        assert Message.objects.get(key="x").text == "first"


@pytest.mark.rule("SP.A2.inbox_message_opens")
def test_a_workflows_message_opens_nothing_but_a_persons_does(site, events):
    site.queue(actor=FLOW)
    assert "conversation_opened" not in kinds(events)
    site.queue(actor=USER, opens_conversation=True)
    assert kinds(events)[-4:] == [
        "conversation_created",
        "conversation_opened",
        "message_created",
        "participant_added",
    ]
    with site.scope():
        assert Message.objects.order_by("-pk")[0].conversation.opened_source == "user"


@pytest.mark.parametrize(
    ("kind", "break_it", "words"),
    [
        ("fake", "channel", "disconnected"),
        ("fake", "blocked", "blocked"),
        ("fake", "identity", "cannot be reached"),
        ("fake", "empty", "empty"),
        ("fake_window", "", "24 hours"),
    ],
)
def test_what_surely_cannot_be_sent_fails_at_once(db, hints, kind, break_it, words):
    site = Site(kind=kind, contacts=2)
    values = {"opens_conversation": True}
    with site.scope():
        if break_it == "channel":
            type(site.channel).objects.update(status="disconnected")
        if break_it == "blocked":
            type(site.contact).objects.update(is_blocked=True)
    if break_it == "identity":
        site.identities[0] = site.identities[1]
    if break_it == "empty":
        values["text"] = "  "
    outcome = site.queue(**values)
    assert outcome.status == "failed"
    assert words in outcome.error
    assert "send" not in hints
    with site.scope():
        assert not Conversation.objects.exists()


def test_within_the_window_a_message_goes_out(db):
    site = Site(kind="fake_window")
    with site.scope():
        type(site.identity).objects.update(last_incoming_at=NOON - timedelta(hours=23))
    assert site.queue(at=NOON).status == "queued"


def test_files_are_kept_with_the_message(site):
    site.queue(text="", attachments=(Attachment("image", "https://files.example/a.png", "a.png"),))
    with site.scope():
        message = Message.objects.get()
    assert message.kind == "image"
    assert message.content["attachments"][0]["name"] == "a.png"


# --- notes and reading


def test_a_comment_is_cut_and_recorded(site, events):
    with site.scope():
        comments_add(
            [AddComment(site.contact.pk, "x" * 3000, NOON, USER), AddComment(site.contact.pk, " ", NOON)]
        )
        assert len(Comment.objects.get().text) == 2000
    assert kinds(events) == ["comment_created"]


def test_reading_clears_the_counter_once(site):
    conversation = site.open()
    with site.scope():
        Conversation.objects.update(unread_count=3)
        assert conversation_mark_read(contact_id=site.contact.pk)
        assert not conversation_mark_read(contact_id=site.contact.pk)
        conversation.refresh_from_db()
    assert conversation.unread_count == 0


# --- cost


@pytest.mark.parametrize("service", ["open", "close", "assign", "queue", "comment"])
def test_a_hundred_rows_cost_no_more_statements_than_one(db, service, monkeypatch):
    # Django cuts inserts for old SQLite builds; production's PostgreSQL has no such limit.
    monkeypatch.setattr(connection.features, "max_query_params", 32_000)
    costs = []
    for number in (1, 100):
        site = Site(contacts=number)
        act = action_of(service, site, make_member(site.workspace).user)
        with site.scope():
            costs.append(statements(act))
    assert len(costs[0]) == len(costs[1]), "\n".join(sql[:150] for sql in costs[1])
    assert len(costs[0]) <= 16


def action_of(service, site, agent):
    """Return a call that changes every contact of the site."""
    actor = Actor(source="user", user_id=agent.pk)
    every = range(len(site.contacts))
    if service in {"close", "assign"}:
        with site.scope():
            conversations_open([site.opening(n) for n in every])
    return {
        "open": lambda: conversations_open([site.opening(n, actor=actor) for n in every]),
        "close": lambda: conversations_close([site.closing(n, actor=actor) for n in every]),
        "assign": lambda: contacts_assign([site.assigning(agent, n, actor=actor) for n in every]),
        "queue": lambda: messages_queue(
            [site.message(n, actor=actor, opens_conversation=True) for n in every]
        ),
        "comment": lambda: comments_add([AddComment(one.pk, "x", NOON, actor) for one in site.contacts]),
    }[service]


def test_many_services_publish_once(site, agent, frames):
    with site.scope(), announcing():
        conversations_open([site.opening()])
        contacts_assign([site.assigning(agent)])
        messages_queue([site.message()])
        assert frames == []
    assert len(frames) == 1
    ((workspace_id, sent),) = frames
    assert workspace_id == site.workspace.pk
    streams = [frame.stream for frame in sent]
    assert streams.count("inbox") == 1
    assert streams.count(f"inbox:user:{agent.pk}") == 1
    assert [frame.kind for frame in sent if frame.stream == f"thread:{site.contact.pk}"] == [
        "line",
        "line",
        "message",
    ]


def test_who_is_no_longer_responsible_hears_that_the_contact_is_gone(site, agent, other_agent, frames):
    site.open()
    site.assign(agent)
    frames.clear()
    site.assign(other_agent)
    sent = frames[-1][1]
    assert (f"inbox:user:{agent.pk}", "gone") in [(frame.stream, frame.kind) for frame in sent]


def test_a_visitor_sees_answers_without_inner_details(db, frames):
    site = Site(kind="fake_instant")
    site.queue()
    (frame,) = [frame for frame in frames[-1][1] if frame.stream.startswith("visitor:")]
    assert frame.stream == f"visitor:{site.identity.pk}"
    assert "error" not in frame.data
    assert frame.data["sender"] == ""
