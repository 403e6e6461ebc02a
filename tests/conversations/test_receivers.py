from __future__ import annotations

import pytest

from contacts.models import Contact
from conversations.models import Assignment, Comment, Conversation, Message, Participant
from isflow.kernel.actor import Actor, acting_as
from isflow.workspaces.events import events_recorded
from tests.factories_conversations import NOON


def kinds(events):
    return [event.kind for event in events]


def plain_conversation(site, **values):
    values = {"opened_at": NOON, "opened_source": "user", "last_activity_at": NOON, **values}
    return Conversation.objects.create(workspace=site.workspace, contact=site.contact, **values)


def test_a_conversation_made_by_plain_code_fires_like_the_service(site, events):
    with site.scope():
        plain_conversation(site)
    by_hand = [(event.kind, set(event.payload)) for event in events]
    events.clear()
    site.close()
    events.clear()
    site.open(actor=Actor(source="user"))
    assert by_hand == [(event.kind, set(event.payload)) for event in events]


def test_closing_by_plain_code_fires_once_and_fills_in_what_is_missing(site, agent, events):
    conversation = site.open()
    events.clear()
    with site.scope(), acting_as(Actor(source="user", user_id=agent.pk, name="Ada")):
        conversation.status = "closed"
        conversation.save()
        conversation.save()
    assert kinds(events) == ["conversation_closed"]
    assert conversation.closed_at is not None
    assert events[0].payload["closed_by_source"] == "user"
    assert events[0].payload["closed_by_user_id"] == agent.pk


def test_opening_an_old_row_again_fires_opened(site, events):
    conversation = site.open()
    site.close()
    events.clear()
    with site.scope():
        conversation = Conversation.objects.get()
        conversation.status = "open"
        conversation.save()
    assert kinds(events) == ["conversation_opened"]
    assert conversation.closed_at is None


def test_a_thousand_saves_without_a_change_fire_nothing(site, events):
    conversation = site.open()
    events.clear()
    with site.scope():
        for _ in range(50):
            conversation.save()
            site.contact.save()
    assert events == []


def test_a_message_made_by_plain_code_fires_like_the_service(site, events):
    site.open()
    events.clear()
    with site.scope(), acting_as(Actor(source="user", name="Ada")):
        message = Message.objects.create(
            workspace=site.workspace,
            contact=site.contact,
            conversation=Conversation.objects.get(),
            channel=site.channel,
            identity=site.identity,
            direction="out",
            text="Hi",
            source="user",
            status="sent",
            created_at=NOON,
        )
        message.save()
        assert Conversation.objects.get().outgoing_count == 1
    assert kinds(events) == ["message_created"]
    assert events[0].payload["text"] == "Hi"


def test_an_assignee_set_by_plain_code_fires_like_the_service(site, agent, events):
    with site.scope():
        contact = Contact.objects.get()
        contact.assignee = agent
        contact.save()
        contact.save()
        assert Assignment.objects.get().user_id == agent.pk
    assert kinds(events) == ["contact_assigned"]
    assert events[0].payload["user_id"] == agent.pk


def test_a_note_and_a_participant_made_by_plain_code_are_told(site, events):
    conversation = site.open()
    events.clear()
    with site.scope():
        Comment.objects.create(workspace=site.workspace, contact=site.contact, text="x", created_at=NOON)
        row = Participant.objects.create(
            workspace=site.workspace,
            conversation=conversation,
            type="bot",
            ref="b",
            name="Bot",
            added_at=NOON,
        )
        row.removed_at = NOON
        row.save()
        row.save()
    assert kinds(events) == ["comment_created", "participant_added", "participant_removed"]


@pytest.mark.rule("DS4.receivers_only_write")
@pytest.mark.django_db(transaction=True)
def test_no_row_without_its_event(django_db_blocker):
    from tests.factories_conversations import Site  # noqa: PLC0415 - made without the db fixture

    site = Site()

    def broken(**_kwargs):
        raise RuntimeError("no event today")

    events_recorded.connect(broken)
    try:
        with site.scope(), pytest.raises(RuntimeError):
            plain_conversation(site)
    finally:
        events_recorded.disconnect(broken)
    with site.scope():
        assert not Conversation.objects.exists()


def test_a_second_episode_by_plain_code_becomes_the_latest(site):
    site.open()
    site.close()
    with site.scope():
        second = plain_conversation(site)
        assert Conversation.objects.get(is_latest=True) == second
