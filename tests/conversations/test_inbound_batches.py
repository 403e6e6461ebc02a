"""Items of many senders at once: a fixed number of statements, and the same result as one by one."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels_app.contract import InboundStatus
from channels_app.services import deliveries_process, delivery_store
from contacts.models import Contact, ContactIdentity
from conversations import inbound
from conversations.models import Conversation, Message
from conversations.services.senders import identities_for
from tests.factories_contacts import make_channel, make_workspace
from tests.factories_conversations import Site, incoming

MOST_STATEMENTS = 28
"""Of one reading of deliveries, the look for more included, however many there are."""


def statements(work):
    with CaptureQueriesContext(connection) as queries:
        work()
    return len(queries)


def deliver(channel, numbers, kind="a"):
    for number in numbers:
        call = {
            "contactId": f"c{number}",
            "events": [
                {
                    "type": "message",
                    "mId": f"{kind}{number}",
                    "timestamp": 1_700_000_000_000,
                    "message": {"type": "text", "text": f"{kind} of {number}"},
                }
            ],
        }
        delivery_store(channel=channel, body=json.dumps(call).encode())


def news(channel, numbers):
    for number in numbers:
        event = {"type": "message_status", "mId": f"a{number}", "status": "read", "timestamp": 1}
        body = {"contactId": f"c{number}", "events": [event]}
        delivery_store(channel=channel, body=json.dumps(body).encode())


@pytest.fixture
def custom(db):
    config = {"incoming_token": "x" * 20, "outgoing_url": "https://x.example/", "outgoing_token": "y"}
    return make_channel(make_workspace(), "custom", config=config)


def test_forty_nine_deliveries_cost_the_statements_of_one(custom, django_assert_max_num_queries):
    """New contacts, known contacts and delivery news."""
    deliver(custom, ["x"])
    alone = statements(deliveries_process)
    assert alone <= MOST_STATEMENTS
    deliver(custom, range(49))
    assert statements(deliveries_process) == alone
    deliver(custom, range(49), kind="b")
    assert statements(deliveries_process) <= alone
    site = Site.__new__(Site)
    site.workspace = custom.workspace
    with site.scope():
        assert Contact.objects.count() == Conversation.objects.count() == 50
        assert set(Conversation.objects.values_list("incoming_count", flat=True)) == {1, 2}
        Message.objects.update(direction="out", status="sent")
    news(custom, range(49))
    assert statements(deliveries_process) <= alone
    with site.scope():
        assert Message.objects.filter(status="read").count() == 49


def test_messages_of_many_senders_keep_their_order_and_their_owner(site, events):
    items = [
        incoming(f"{n}-{who}", sender=f"+4917099999{who}", sender_name=who) for n in range(3) for who in "123"
    ]
    received = inbound.receive(site.channel, items)
    with site.scope():
        rows = Message.objects.order_by("pk").select_related("identity", "conversation", "contact")
        assert [row.pk for row in rows] == received.new
        assert [row.text for row in rows] == [item.text for item in items]
        assert all(row.identity.address.endswith(row.text[-1]) for row in rows)
        assert all(row.conversation.contact_id == row.contact_id == row.identity.contact_id for row in rows)
        assert [c.incoming_count for c in Conversation.objects.all()] == [3, 3, 3]
        assert all(c.last_incoming_text.startswith("2-") for c in Contact.objects.exclude(pk=site.contact.pk))
    for contact in {event.contact_id for event in events}:
        kinds = [event.kind for event in events if event.contact_id == contact]
        assert kinds == [
            "contact_created",
            "conversation_created",
            "conversation_opened",
            *["message_created"] * 3,
            "participant_added",
        ]


def test_one_id_under_two_senders_is_one_message(site):
    items = [incoming(sender=f"+4917099999{n}", external_id="same") for n in range(2)]
    assert len(inbound.receive(site.channel, items).new) == 1


def test_who_answers_opens_nothing_while_others_do(monkeypatch, db):
    site = Site(contacts=3)
    asked = []

    def gate(contact_ids):
        asked.append(set(contact_ids))
        return {site.contacts[0].pk}

    monkeypatch.setattr(inbound, "inbound_gates", [gate])
    for n in (0, 1):
        site.open(n)
        site.close(n)
    inbound.receive(site.channel, [incoming(sender=one.address) for one in site.identities])
    with site.scope():
        opened = Conversation.objects.filter(status="open").values_list("contact_id", flat=True)
        assert set(opened) == {site.contacts[1].pk, site.contacts[2].pk}
    assert asked == [{site.contacts[0].pk, site.contacts[1].pk}]


def test_all_is_announced_at_once(site, frames):
    inbound.receive(site.channel, [incoming(sender=f"+4917099999{n}") for n in range(5)])
    assert len(frames) == 1


def test_who_was_made_meanwhile_is_found(site, monkeypatch):
    """Between looking and making, somebody else makes one of the two."""
    stored = inbound.identities_for.__globals__["_stored"]

    def late(channel, names):
        found = stored(channel, names)
        if not ContactIdentity.objects.filter(address="+491").exists():
            identities_made_elsewhere()
        return found

    def identities_made_elsewhere():
        contact = Contact.objects.create(workspace=site.workspace, first_name="Else")
        ContactIdentity.objects.create(
            workspace=site.workspace, contact=contact, channel=site.channel, address="+491"
        )

    monkeypatch.setitem(inbound.identities_for.__globals__, "_stored", late)
    with site.scope():
        found, made = identities_for(site.channel, {"+491": "A", "+492": "B"})
        assert set(found) == {"+491", "+492"}
        assert found["+491"].contact.first_name == "Else"
        assert made == [found["+492"].contact_id]
        assert Contact.objects.count() == 3


def test_news_of_many_messages_is_two_statements(site, django_assert_num_queries):
    ids = [f"out-{n}" for n in range(30)]
    for external_id in ids:
        message_id = site.queue().message_id
        with site.scope():
            Message.objects.filter(pk=message_id).update(status="sent", external_id=external_id)
    items = [InboundStatus(one, "delivered", timezone.now()) for one in ids]
    # Savepoint, lock, change, the streams' counters, release.
    with django_assert_num_queries(5):
        inbound.receive(site.channel, items)
