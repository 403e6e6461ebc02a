"""Batches of deliveries: together where it goes well, alone and in order where it does not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from channels_app.models import InboundDelivery
from channels_app.services import deliveries_process, delivery_store, reading
from isflow.kernel.errors import Transient
from isflow.workspaces.scope import all_workspaces, workspace_scope

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).isoformat()

STATEMENTS = 9
"""Of one reading, receivers apart: look, begin, list, lock, savepoint, release, write, commit, look."""


def say(channel, text, sender="Vi"):
    body = json.dumps([{"id": f"m-{text}", "from": sender, "text": text, "at": AT}]).encode()
    return delivery_store(channel=channel, body=body)


def rows():
    with all_workspaces():
        return list(InboundDelivery.objects.order_by("pk"))


def statuses():
    return [row.status for row in rows()]


def make_due():
    with all_workspaces():
        InboundDelivery.objects.update(not_before=None)


def test_many_deliveries_are_handed_over_together(channel, handler):
    for number in range(reading.BATCH + 1):
        say(channel, str(number))
    assert deliveries_process() == reading.BATCH + 1
    assert [len(items) for _, items in handler.calls] == [reading.BATCH, 1]
    assert handler.texts == [str(number) for number in range(reading.BATCH + 1)]


def test_a_batch_takes_no_more_statements_than_one(channel, handler, django_assert_num_queries):
    say(channel, "one")
    with django_assert_num_queries(STATEMENTS):
        deliveries_process()
    for number in range(reading.BATCH - 1):
        say(channel, str(number))
    with django_assert_num_queries(STATEMENTS):
        deliveries_process()


def test_a_batch_has_so_many_items_at_most(channel, handler, monkeypatch):
    monkeypatch.setattr(reading, "MAX_ITEMS", 3)
    for number in range(5):
        say(channel, str(number))
    deliveries_process()
    assert [len(items) for _, items in handler.calls] == [3, 2]


def test_poison_harms_only_itself(channel, handler):
    handler.poison = "bad"
    for number in range(3):
        say(channel, f"before-{number}", sender=f"b{number}")
    say(channel, "bad", sender="mallory")
    for number in range(3):
        say(channel, f"after-{number}", sender=f"a{number}")
    deliveries_process()
    assert statuses() == ["processed"] * 3 + ["received"] + ["processed"] * 3
    assert [row.attempts for row in rows()] == [0, 0, 0, 1, 0, 0, 0]


def test_a_delivery_that_cannot_be_parsed_costs_no_other_a_second_reading(channel, handler, monkeypatch):
    parse = reading.connection_of(channel).adapter.parse

    def parse_most(self, body, config):
        if b"broken" in body:
            raise KeyError("broken")
        return parse(body, config)

    monkeypatch.setattr(type(reading.connection_of(channel).adapter), "parse", parse_most)
    for text in ("good", "broken", "fine"):
        say(channel, text)
    deliveries_process()
    assert statuses() == ["processed", "received", "processed"]
    assert len(handler.calls) == 1


def test_nobody_overtakes_the_own_message_that_is_read_again(channel, handler):
    handler.poison = "first"
    say(channel, "first", sender="Vi")
    say(channel, "second", sender=" Vi ")
    say(channel, "other", sender="Bo")
    deliveries_process()
    assert statuses() == ["received", "received", "processed"]
    first, second, _other = rows()
    assert (second.attempts, second.not_before) == (0, first.not_before)

    say(channel, "third", sender="Vi")
    deliveries_process()
    assert statuses()[3] == "received"

    handler.poison = ""
    handler.calls.clear()
    make_due()
    deliveries_process()
    assert handler.texts == ["first", "second", "third"]
    assert set(statuses()) == {"processed"}


def test_who_waits_for_another_makes_his_own_senders_wait(channel, handler):
    handler.poison = "first"
    say(channel, "first", sender="Vi")
    both = [{"id": name, "from": name, "text": f"of {name}", "at": AT} for name in ("Vi", "Bo")]
    delivery_store(channel=channel, body=json.dumps(both).encode())
    say(channel, "of Bo again", sender="Bo")
    deliveries_process()
    assert statuses() == ["received"] * 3
    handler.poison = ""
    handler.calls.clear()
    make_due()
    deliveries_process()
    assert handler.texts == ["first", "of Vi", "of Bo", "of Bo again"]


def test_poison_that_was_given_up_holds_nobody(channel, handler):
    handler.poison = "first"
    say(channel, "first")
    say(channel, "second")
    for _attempt in range(3):
        deliveries_process()
        make_due()
    deliveries_process()
    assert statuses() == ["failed", "processed"]


def test_only_what_was_asked_for_again_is_given_again(channel, handler):
    handler.early = {"soon"}
    for text in ("one", "soon", "two"):
        say(channel, text)
    deliveries_process()
    assert statuses() == ["processed", "received", "processed"]
    assert len(handler.calls) == 1
    # It was stored as far as possible, so nobody waits for it.
    say(channel, "three")
    deliveries_process()
    assert statuses() == ["processed", "received", "processed", "processed"]

    with all_workspaces():
        InboundDelivery.objects.update(received_at=timezone.now() - timedelta(hours=1))
    make_due()
    deliveries_process()
    assert set(statuses()) == {"processed"}


def test_later_said_to_a_batch_is_asked_of_each(channel, handler):
    def refuse_the_new():
        if any(item.text == "later" for item in handler.calls[-1][1]):
            raise Transient("Not yet.")

    handler.during = refuse_the_new
    say(channel, "now", sender="Bo")
    say(channel, "later", sender="Vi")
    deliveries_process()
    assert [(row.status, row.error) for row in rows()] == [("processed", ""), ("received", "Not yet.")]


def test_a_channel_that_somebody_else_reads_is_left_alone(channel, handler, monkeypatch):
    for number in range(3):
        say(channel, str(number))
    locked = reading._LOCKED
    # As if the lock on the oldest had been somebody else's.
    monkeypatch.setattr(reading, "_LOCKED", lambda **given: locked(**given)[1:])
    with workspace_scope(channel.workspace_id):
        assert reading.read_next(channel.pk) == 0
    assert handler.calls == []
