from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from channels_app.models import InboundDelivery
from channels_app.services import deliveries_process, delivery_replay, delivery_store
from contacts.models import Contact
from isflow.infra import faults
from isflow.kernel.errors import Transient
from isflow.workspaces.scope import all_workspaces, current_workspace_id
from tests.factories_contacts import make_channel, make_contact

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).isoformat()


def call(*texts, sender="+49170"):
    return json.dumps(
        [{"id": f"m-{text}", "from": sender, "text": text, "at": AT} for text in texts]
    ).encode()


def rows():
    with all_workspaces():
        return list(InboundDelivery.objects.order_by("pk"))


def make_due():
    with all_workspaces():
        InboundDelivery.objects.update(not_before=None)


def test_a_stored_delivery_is_handed_over_once_in_its_workspace(channel, handler, hints):
    seen = []
    handler.during = lambda: seen.append(current_workspace_id())
    delivery_store(channel=channel, body=call("hello"))
    assert hints == ["inbound"]

    assert deliveries_process() == 1
    assert deliveries_process() == 0

    assert (handler.texts, seen) == (["hello"], [channel.workspace_id])
    (row,) = rows()
    assert (row.status, row.error) == ("processed", "")
    assert row.processed_at is not None


def test_deliveries_of_a_channel_are_read_oldest_first(channel, handler):
    for number in range(5):
        delivery_store(channel=channel, body=call(str(number)))
    deliveries_process()

    assert handler.texts == ["0", "1", "2", "3", "4"]


def test_two_workspaces_do_not_mix(workspace, other_workspace, channel, handler):
    other = make_channel(other_workspace)
    delivery_store(channel=other, body=call("theirs"))
    delivery_store(channel=channel, body=call("ours"))
    deliveries_process()

    assert [(c.pk, c.workspace_id) for c, _ in handler.calls] == [
        (other.pk, other_workspace.pk),
        (channel.pk, workspace.pk),
    ]
    assert {row.channel_id: row.workspace_id for row in rows()} == {
        other.pk: other_workspace.pk,
        channel.pk: workspace.pk,
    }


def test_one_garbled_item_does_not_harm_the_others(channel, handler):
    entries = json.loads(call(*"123456789"))
    entries.insert(4, {"nonsense": True})
    delivery_store(channel=channel, body=json.dumps(entries).encode())
    deliveries_process()

    assert handler.texts == list("123456789")
    (row,) = rows()
    assert row.status == "processed"
    assert "nonsense" in row.error


def test_a_poisoned_delivery_is_tried_three_times_while_others_go_on(channel, handler):
    handler.poison = "bad"
    delivery_store(channel=channel, body=call("bad"))
    delivery_store(channel=channel, body=call("good", sender="+49171"))

    for attempt in (1, 2, 3):
        deliveries_process()
        bad, good = rows()
        assert (bad.attempts, good.status) == (attempt, "processed")
        make_due()

    assert deliveries_process() == 0
    bad, _ = rows()
    assert (bad.status, bad.error) == ("failed", "ZeroDivisionError: poison")
    # Once together with the other, then three times alone.
    assert handler.texts.count("bad") == 4


def test_a_failed_attempt_is_taken_back_and_waits(channel, handler, workspace):
    handler.during = lambda: make_contact(workspace, "Half done")
    handler.error = ZeroDivisionError()
    delivery_store(channel=channel, body=call("x"))
    before = timezone.now()
    deliveries_process()

    (row,) = rows()
    assert row.status == "received"
    assert before + timedelta(seconds=1) < row.not_before < timezone.now() + timedelta(seconds=3)
    with all_workspaces():
        assert not Contact.objects.exists()
    assert deliveries_process() == 0


def test_a_receiver_may_ask_for_the_same_later_without_using_up_attempts(channel, handler):
    handler.error = Transient("not yet")
    delivery_store(channel=channel, body=call("x"))
    for _ in range(6):
        deliveries_process()
        make_due()
    (row,) = rows()
    assert (row.status, row.attempts, row.error) == ("received", 6, "not yet")

    handler.error = None
    deliveries_process()
    (row,) = rows()
    assert (row.status, row.error) == ("processed", "")


def test_patience_with_a_receiver_has_an_end(channel, handler):
    handler.error = Transient("never")
    delivery_store(channel=channel, body=call("x"))
    with all_workspaces():
        InboundDelivery.objects.update(received_at=timezone.now() - timedelta(hours=1))
    deliveries_process()

    (row,) = rows()
    assert (row.status, row.error) == ("processed", "never")


def test_a_channel_whose_kind_is_gone_fails_visibly(workspace, handler):
    delivery_store(channel=make_channel(workspace, "bygone"), body=b"[]")
    for _ in range(3):
        deliveries_process()
        make_due()

    (row,) = rows()
    assert row.status == "failed"
    assert "bygone" in row.error


def test_a_delivery_can_be_replayed(channel, handler, scope, hints):
    delivery = delivery_store(channel=channel, body=call("x"))
    assert not delivery_replay(delivery=delivery)
    deliveries_process()
    delivery.refresh_from_db()

    assert delivery_replay(delivery=delivery)
    assert deliveries_process() == 1
    assert handler.texts == ["x", "x"]
    assert hints == ["inbound", "inbound"]


@pytest.mark.django_db(transaction=True)
def test_a_death_before_the_commit_loses_nothing(channel, handler):
    delivery_store(channel=channel, body=call("x"))
    faults.arm("inbound.before_processed", faults.die)
    with pytest.raises(faults.Crash):
        deliveries_process()
    faults.disarm_all()
    (row,) = rows()
    assert (row.status, row.attempts) == ("received", 0)

    deliveries_process()

    (row,) = rows()
    assert row.status == "processed"
