from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest
from django.utils import timezone

from channels_app.contract import Attachment, InboundStatus
from channels_app.signals import items_received
from contacts.models import Contact, ContactIdentity
from conversations import inbound
from conversations.models import Conversation, Message
from conversations.statuses import climb
from isflow.infra import faults
from isflow.infra.faults import Crash
from tests.factories_conversations import NOON, incoming


def kinds(events):
    return [event.kind for event in events]


def test_a_first_message_makes_contact_conversation_and_message(site, events):
    item = incoming("Hello", sender="+491709999999", sender_name="Grace B. Hopper")
    (message_id,) = inbound.receive(site.channel, [item]).new

    with site.scope():
        message = Message.objects.select_related("contact", "conversation", "identity").get(pk=message_id)
    assert message.contact.name == "Grace B. Hopper"
    assert message.contact.phone == "+491709999999"
    assert message.contact.last_channel_id == site.channel.pk
    assert message.contact.last_incoming_text == "Hello"
    assert message.identity.last_incoming_at == message.created_at
    assert message.conversation.is_open
    assert message.conversation.opened_source == "contact"
    assert message.conversation.unread_count == 1
    assert message.conversation.last_message_incoming
    assert kinds(events) == [
        "contact_created",
        "conversation_created",
        "conversation_opened",
        "message_created",
        "participant_added",
    ]
    opened, created = events[2].payload, events[3].payload
    assert opened["first_incoming_message"] == "Hello"
    assert opened["first_incoming_message_channel"] == site.channel.name
    assert opened["source"] == "contact"
    assert (created["direction"], created["sender_type"], created["text"]) == ("in", "contact", "Hello")


@pytest.mark.rule("DS3.message_once")
def test_the_same_message_again_is_ignored(site, events):
    item = incoming()
    assert len(inbound.receive(site.channel, [item, item]).new) == 1
    events.clear()
    assert inbound.receive(site.channel, [item]).new == []
    assert events == []
    with site.scope():
        assert Message.objects.count() == 1
        assert Conversation.objects.get().unread_count == 1


def test_a_known_sender_writes_into_the_open_conversation(site, events):
    site.open()
    inbound.receive(site.channel, [incoming(sender=site.identity.address)])
    with site.scope():
        assert Contact.objects.count() == 1
        assert Conversation.objects.get().incoming_count == 1


def test_after_closing_a_message_opens_anew(site):
    site.open()
    site.close()
    inbound.receive(site.channel, [incoming(sender=site.identity.address)])
    with site.scope():
        assert Conversation.objects.filter(status="open").count() == 1
        assert Conversation.objects.count() == 2


def test_an_answer_never_reopens_a_closed_conversation(site, events, monkeypatch):
    monkeypatch.setattr(inbound, "inbound_gates", [lambda contact_ids: contact_ids])
    conversation = site.open()
    site.close()
    events.clear()
    inbound.receive(site.channel, [incoming(sender=site.identity.address)])
    assert kinds(events) == ["message_created"]
    with site.scope():
        assert Message.objects.get().conversation_id == conversation.pk
        assert not Conversation.objects.filter(status="open").exists()


def test_a_blocked_contact_opens_nothing(site, events):
    with site.scope():
        Contact.objects.update(is_blocked=True)
    inbound.receive(site.channel, [incoming(sender=site.identity.address)])
    assert kinds(events) == ["message_created"]


def test_an_ad_click_is_told_with_its_ad(site, events):
    inbound.receive(
        site.channel,
        [incoming(sender=site.identity.address, referral={"ad_id": "9", "ad_title": "Shoes", "url": "u"})],
    )
    facts = events[1].payload
    assert facts["source"] == "ctc_ads"
    assert (facts["ad_id"], facts["ad_title"], facts["ad_url"]) == ("9", "Shoes", "u")


def test_a_pressed_choice_a_place_and_files_are_told(site, events):
    inbound.receive(
        site.channel,
        [
            incoming("Yes", sender=site.identity.address, payload="yes"),
            incoming("", sender=site.identity.address, kind="location", location=(52.5, 13.4)),
            incoming(
                "",
                sender=site.identity.address,
                kind="image",
                attachments=(Attachment("image", "https://x.example/a.png", "a.png"),),
            ),
        ],
    )
    first, second, third = (event.payload for event in events if event.kind == "message_created")
    assert first["payload"] == "yes"
    assert second["location"] == ["52.5", "13.4"]
    assert third["attachments_count"] == 1
    with site.scope():
        assert Conversation.objects.get().last_message_text == "a.png"


def test_an_echo_is_an_outgoing_message_that_opens_nothing(site, events):
    inbound.receive(site.channel, [incoming("From the phone", sender=site.identity.address, echo=True)])
    assert kinds(events) == ["message_created"]
    assert events[0].payload["direction"] == "out"
    assert events[0].payload["sender_type"] == "channel"


def test_the_signal_of_the_channels_stores_messages(site):
    with site.scope():
        items_received.send(sender=None, channel=site.channel, items=[incoming()])
        assert Message.objects.count() == 1


def test_the_same_address_in_two_workspaces_is_two_contacts(site, rival):
    for place in (site, rival):
        inbound.receive(place.channel, [incoming(sender="+491705555555", external_id="same")])
    for place in (site, rival):
        with place.scope():
            assert Message.objects.get().contact.workspace_id == place.workspace.pk
            assert ContactIdentity.objects.filter(address="+491705555555").count() == 1


@pytest.mark.rule("SP.D4.statuses")
@pytest.mark.parametrize("order", list(permutations(["sent", "delivered", "read", "failed"])))
def test_in_whatever_order_news_arrive_read_wins(order):
    status = "sent"
    for news in order:
        status = climb(status, news)
    assert status == "read"


def test_failed_stays_failed_unless_it_arrived_after_all():
    assert climb("failed", "sent") == "failed"
    assert climb("failed", "delivered") == "delivered"
    assert climb("delivered", "failed") == "delivered"
    assert climb("unknown", "sent") == "sent"
    assert climb("queued", "sent") == "queued"
    assert climb("sent", "nonsense") == "sent"


def test_a_status_moves_the_message_and_is_shown(site, frames):
    outcome = site.queue()
    with site.scope():
        Message.objects.update(status="sent", external_id="out-1")
    frames.clear()
    now = timezone.now()
    inbound.receive(
        site.channel, [InboundStatus("out-1", "read", now), InboundStatus("out-1", "delivered", now)]
    )
    with site.scope():
        assert Message.objects.get(pk=outcome.message_id).status == "read"
    (frame,) = frames[-1][1]
    assert frame.data["status"] == "read"


def test_news_of_an_unknown_message_is_asked_for_again_for_a_while(site):
    fresh = InboundStatus("out-9", "delivered", timezone.now())
    old = InboundStatus("out-9", "delivered", timezone.now() - timedelta(minutes=16))
    received = inbound.receive(site.channel, [incoming(), fresh, old])
    assert [id(item) for item in received.early] == [id(fresh)]
    with site.scope():
        assert Message.objects.count() == 1


def test_a_crash_before_the_commit_leaves_nothing(site):
    item = incoming()
    faults.arm("inbound.before_commit", faults.die)
    with pytest.raises(Crash):
        inbound.receive(site.channel, [item])
    faults.disarm_all()
    with site.scope():
        assert not Message.objects.exists()
    assert len(inbound.receive(site.channel, [item]).new) == 1


def test_a_message_of_the_past_is_ordered_by_its_arrival(site):
    inbound.receive(site.channel, [incoming(sent_at=NOON - timedelta(days=3))])
    with site.scope():
        message = Message.objects.get()
    assert message.sent_at == NOON - timedelta(days=3)
    assert message.created_at > message.sent_at


def test_text_that_no_database_keeps_does_not_stop_the_delivery(site):
    item = incoming("a\x00b\ud800", sender_name="N\x00N", external_id="x" * 300, payload="\x00")
    assert len(inbound.receive(site.channel, [item]).new) == 1
    assert inbound.receive(site.channel, [item]).new == []
    with site.scope():
        assert Message.objects.get().text == "ab"
