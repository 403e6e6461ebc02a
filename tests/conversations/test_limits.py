"""Limits of providers, outages and floods, on a clock that the tests turn."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.utils import timezone

from channels_app.contract import DeliveryError, DeliveryUnknown, SendReceipt, adapters
from channels_app.models import Channel
from contacts.models import ContactIdentity
from conversations.limits import rate_of, rests_prune
from conversations.models import ChannelPace, Message, RecipientPace
from conversations.outbound import messages_recover, messages_send
from conversations.queue import claim
from conversations.signals import messages_settled
from isflow.workspaces.scope import all_workspaces, workspace_scope
from tests.conversations.test_outbound import InlinePool
from tests.factories_contacts import make_channel, make_contacts
from tests.factories_conversations import FLOW, Site, fake_kind

DOWN = DeliveryError("The provider stumbled.", permanent=False)
UNREACHED = DeliveryError("The provider cannot be reached.", permanent=False, unreached=True)
FULL = DeliveryError("Too many.", permanent=False, retry_after=2)


class Clock:
    """What time it is for senders; stands still unless somebody rests or calls."""

    def __init__(self):
        self.at = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def now(self):
        return self.at

    def monotonic(self):
        return self.at.timestamp()

    def pass_by(self, seconds):
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("django.utils.timezone.now", clock.now)
    monkeypatch.setattr("conversations.outbound.monotonic", clock.monotonic)
    monkeypatch.setattr("conversations.outbound.pause", clock.pass_by)
    monkeypatch.setattr("conversations.outbound.ThreadPoolExecutor", InlinePool)
    monkeypatch.setattr("conversations.realtime.publish", lambda *_: None)
    return clock


class Wire:
    """A provider that notes when each message came, and is down between two moments."""

    def __init__(self, clock, *, call_seconds=0.001, down=None, error=DOWN):
        self.clock, self.call_seconds, self.down, self.error = clock, call_seconds, down, error
        self.taken, self.refused = [], []

    def __call__(self, channel, message):
        self.clock.pass_by(self.call_seconds)
        if self.down and self.down[0] <= self.clock.at < self.down[1]:
            self.refused.append((self.clock.at, message.key))
            raise self.error
        self.taken.append((self.clock.at, message.key, message.recipient, channel.pk))
        return SendReceipt(f"wire-{len(self.taken)}")

    @property
    def keys(self):
        return [key for _, key, *_ in self.taken]


@pytest.fixture
def kind():
    made = []

    def make(key, **capabilities):
        made.append(fake_kind(key, **capabilities))
        return key

    yield make
    for key in made:
        adapters.unregister(key)


def crowd(workspace, channel, number, *, prefix="m"):
    """Queue one message for each of so many contacts, without any of the services' work."""
    with workspace_scope(workspace.pk):
        identities = ContactIdentity.objects.bulk_create(
            ContactIdentity(workspace=workspace, contact=one, channel=channel, address=f"{prefix}-{one.pk}")
            for one in make_contacts(workspace, number)
        )
        stock(channel, identities, prefix)


def stock(channel, identities, prefix):
    """Queue a message for each of the identities."""
    Message.objects.bulk_create(
        Message(
            workspace_id=channel.workspace_id,
            contact_id=one.contact_id,
            channel=channel,
            identity=one,
            direction="out",
            text="Hello",
            source=FLOW.source,
            key=f"{prefix}-{number}",
            status="queued",
            created_at=timezone.now(),
        )
        for number, one in enumerate(identities)
    )


def double(model):
    """Copy every row of a table, without what must be unique."""
    columns = [field.column for field in model._meta.concrete_fields if field.name not in {"id", "key"}]
    names = ", ".join(columns)
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {table}")  # noqa: S608


def sweep_for(clock, seconds, *, slots=16):
    """Let the sweep run as it is scheduled."""
    end = clock.at + timedelta(seconds=seconds)
    while clock.at < end:
        before = clock.at
        messages_recover()
        messages_send(slots=slots)
        clock.pass_by(max(0, 2 - (clock.at - before).total_seconds()))


def most_in_a_second(moments):
    """The greatest number of moments within any one second."""
    first = most = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= timedelta(seconds=1):
            first += 1
        most = max(most, last - first + 1)
    return most


def statuses(site):
    with site.scope():
        return Counter(Message.objects.values_list("status", flat=True))


# --- limits


def test_a_limit_is_a_number_in_a_window(kind):
    def rate(value):
        return rate_of(adapters.get(kind(f"r{value}", sends_per_second=value)).capabilities)

    assert rate(None) is None
    assert rate(0) is None
    assert (rate(80).count, rate(2.5).count, rate(0.2).count) == (80, 2, 1)
    assert rate(80).seconds == pytest.approx(1.1)
    assert rate(0.2).seconds == pytest.approx(5.5)


def test_five_thousand_messages_leave_within_the_limit_and_none_is_lost(db, clock, kind, monkeypatch):
    monkeypatch.setattr("conversations.outbound.LOOK_SECONDS", 2)
    site = Site(kind=kind("eighty", sends_per_second=80))
    crowd(site.workspace, site.channel, 625)
    for _doubling in range(3):
        double(Message)
    wire = Wire(clock)
    monkeypatch.setattr("conversations.outbound.send", wire)
    began = clock.at
    sweep_for(clock, 80, slots=160)
    assert len(wire.keys) == len(set(wire.keys)) == 5_000
    assert most_in_a_second([at for at, *_ in wire.taken]) <= 80
    assert statuses(site) == {"sent": 5_000}
    # 5,000 at 80 a second take 62.5 s; what is given away is the margin.
    assert wire.taken[-1][0] - began < timedelta(seconds=62.5 * 1.15)


def test_a_slow_limit_counts_across_sweeps_and_workers(db, clock, kind, monkeypatch):
    site = Site(kind=kind("slow", sends_per_second=0.2))
    crowd(site.workspace, site.channel, 4)
    wire = Wire(clock)
    monkeypatch.setattr("conversations.outbound.send", wire)
    sweep_for(clock, 30)
    moments = [at for at, *_ in wire.taken]
    assert len(moments) == 4
    assert all(later - earlier >= timedelta(seconds=5) for earlier, later in pairwise(moments))


def test_two_workers_together_stay_within_the_limit(db, clock, kind):
    site = Site(kind=kind("two", sends_per_second=5))
    crowd(site.workspace, site.channel, 20)
    with all_workspaces():
        assert len(claim(4)) == 4
        assert len(claim(4)) == 1
        assert claim(4) == []
        clock.pass_by(1.2)
        assert len(claim(8)) == 5


def test_one_recipient_gets_no_two_messages_too_close(db, clock, kind, monkeypatch):
    site = Site(kind=kind("calm", sends_per_recipient_seconds=1), contacts=2)
    for number in range(3):
        site.queue(0, key=f"first-{number}")
    site.queue(1, key="second")
    wire = Wire(clock)
    monkeypatch.setattr("conversations.outbound.send", wire)
    messages_send()
    assert sorted(wire.keys) == ["first-0", "first-1", "first-2", "second"]
    mine = [at for at, key, *_ in wire.taken if key.startswith("first")]
    assert all(later - earlier >= timedelta(seconds=1) for earlier, later in pairwise(mine))
    assert wire.taken[1][0] - wire.taken[0][0] < timedelta(seconds=1)


def test_rests_of_recipients_are_forgotten(db, clock, kind):
    site = Site(kind=kind("calm", sends_per_recipient_seconds=1))
    site.queue()
    with all_workspaces():
        claim(1)
        assert RecipientPace.objects.count() == 1
    assert rests_prune() == 0
    clock.pass_by(2)
    assert rests_prune() == 1


def test_a_pause_that_the_provider_asks_for_holds_the_whole_channel_a_little_longer(db, clock, monkeypatch):
    site = Site(contacts=3)
    for n in range(3):
        site.queue(n)
    began = clock.at
    error = DeliveryError("Slow down.", permanent=False, retry_after=60)
    wire = Wire(clock, down=(began, began + timedelta(seconds=60)), error=error)
    monkeypatch.setattr("conversations.outbound.send", wire)
    messages_send(slots=1)
    assert len(wire.refused) == 1
    with site.scope():
        rest = Channel.objects.get().not_before - clock.at
    assert timedelta(seconds=60) <= rest <= timedelta(seconds=66)
    sweep_for(clock, 70)
    assert len(wire.refused) == 1
    assert statuses(site) == {"sent": 3}
    with site.scope():
        assert not ChannelPace.objects.filter(open_since__isnull=False).exists()


# --- outages


def test_after_an_outage_everything_leaves_once_within_fifteen_seconds(db, clock, monkeypatch):
    site = Site()
    crowd(site.workspace, site.channel, 200)
    back = clock.at + timedelta(seconds=60)
    wire = Wire(clock, down=(clock.at, back))
    monkeypatch.setattr("conversations.outbound.send", wire)
    sweep_for(clock, 80)
    assert Counter(wire.keys) == {f"m-{n}": 1 for n in range(200)}
    assert wire.taken[-1][0] - back <= timedelta(seconds=15)
    assert statuses(site) == {"sent": 200}
    # The first round shows that the provider is down; afterwards it is asked once in a while.
    assert len(wire.refused) <= 16 + 7


def test_a_few_messages_survive_an_outage_as_well(db, clock, monkeypatch):
    site = Site()
    crowd(site.workspace, site.channel, 3)
    back = clock.at + timedelta(seconds=60)
    wire = Wire(clock, down=(clock.at, back))
    monkeypatch.setattr("conversations.outbound.send", wire)
    sweep_for(clock, 80)
    assert statuses(site) == {"sent": 3}
    assert wire.taken[-1][0] - back <= timedelta(seconds=15)


@pytest.mark.parametrize("seconds", [60, 3600])
def test_one_message_alone_survives_an_outage(db, clock, monkeypatch, seconds):
    site = Site()
    crowd(site.workspace, site.channel, 1)
    back = clock.at + timedelta(seconds=seconds)
    wire = Wire(clock, down=(clock.at, back), error=UNREACHED)
    monkeypatch.setattr("conversations.outbound.send", wire)
    sweep_for(clock, seconds + 20)
    assert statuses(site) == {"sent": 1}
    assert wire.taken[-1][0] - back <= timedelta(seconds=15)
    assert len(wire.refused) <= 5 + seconds / 9
    with site.scope():
        assert Message.objects.get().attempts == 1
        assert not ChannelPace.objects.filter(open_since__isnull=False).exists()


def test_who_cannot_be_reached_for_a_day_fails(db, clock, monkeypatch):
    site = Site()
    crowd(site.workspace, site.channel, 1)
    wire = Wire(clock, down=(clock.at, clock.at + timedelta(days=3)), error=UNREACHED)
    monkeypatch.setattr("conversations.outbound.send", wire)
    sweep_for(clock, 120)
    assert statuses(site) == {"queued": 1}
    clock.pass_by(24 * 3600)
    messages_recover()
    messages_send()
    assert statuses(site) == {"failed": 1}


def test_an_unreached_message_beside_successes_is_tried_ever_more_rarely(db, clock, monkeypatch):
    """The breaker stays closed: the channel works, only this message finds nobody."""
    site = Site()
    crowd(site.workspace, site.channel, 1, prefix="lost")
    tries = []

    def send(channel, message):
        clock.pass_by(0.001)
        if message.key.startswith("lost"):
            tries.append(clock.at)
            raise UNREACHED
        return SendReceipt(f"wire-{message.key}")

    monkeypatch.setattr("conversations.outbound.send", send)
    for round_ in range(20):
        crowd(site.workspace, site.channel, 1, prefix=f"fine-{round_}")
        sweep_for(clock, 6)
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(tries)]
    assert min(pauses) >= 2
    assert min(pauses[-5:]) >= 10
    assert statuses(site) == {"queued": 1, "sent": 20}


def test_a_provider_that_is_too_busy_fails_no_message_and_opens_no_circuit(db, clock, monkeypatch):
    site = Site()
    crowd(site.workspace, site.channel, 20)
    back = clock.at + timedelta(seconds=300)
    wire = Wire(clock, down=(clock.at, back), error=FULL)
    monkeypatch.setattr("conversations.outbound.send", wire)
    sweep_for(clock, 320)
    assert statuses(site) == {"sent": 20}
    assert wire.taken[-1][0] - back <= timedelta(seconds=15)
    with site.scope():
        assert {message.attempts for message in Message.objects.all()} == {1}
        assert not ChannelPace.objects.filter(failed_at__isnull=False).exists()


def test_an_outage_of_one_channel_holds_up_no_other(db, clock, monkeypatch):
    site = Site()
    other = make_channel(site.workspace, "fake")
    crowd(site.workspace, site.channel, 50, prefix="down")
    crowd(site.workspace, other, 50, prefix="up")
    wire = Wire(clock)
    took = wire.__call__

    def send(channel, message):
        if channel.pk == site.channel.pk:
            raise DOWN
        return took(channel, message)

    monkeypatch.setattr("conversations.outbound.send", send)
    messages_send()
    assert sum(key.startswith("up") for key in wire.keys) == 50


def test_messages_that_nobody_can_know_about_open_the_circuit_too(db, clock, monkeypatch):
    site = Site()
    crowd(site.workspace, site.channel, 100)
    wire = Wire(clock, down=(clock.at, clock.at + timedelta(hours=1)), error=DeliveryUnknown("No answer."))
    monkeypatch.setattr("conversations.outbound.send", wire)
    sweep_for(clock, 10)
    assert statuses(site)["unknown"] <= 16
    assert statuses(site)["queued"] >= 84


def test_failures_between_successes_open_nothing(db, clock, monkeypatch):
    site = Site()
    crowd(site.workspace, site.channel, 30)
    calls = []

    def send(channel, message):
        calls.append(message.key)
        if len(calls) % 3 == 0:
            raise DOWN
        return SendReceipt(f"wire-{len(calls)}")

    monkeypatch.setattr("conversations.outbound.send", send)
    sweep_for(clock, 60, slots=1)
    assert statuses(site) == {"sent": 30}
    with site.scope():
        assert not ChannelPace.objects.filter(open_since__isnull=False).exists()


def test_a_message_that_the_provider_never_takes_does_not_keep_its_channel_closed(db, clock, monkeypatch):
    site = Site()
    crowd(site.workspace, site.channel, 3)
    wire = Wire(clock, down=(clock.at, clock.at + timedelta(seconds=5)))
    took = wire.__call__

    def send(channel, message):
        if message.key == "m-0":
            wire.clock.pass_by(0.001)
            raise DOWN
        return took(channel, message)

    monkeypatch.setattr("conversations.outbound.send", send)
    sweep_for(clock, 120)
    assert sorted(wire.keys) == ["m-1", "m-2"]


def test_what_could_not_leave_for_a_day_fails_and_is_told(db, clock, monkeypatch):
    site = Site()
    crowd(site.workspace, site.channel, 6)
    wire = Wire(clock, down=(clock.at, clock.at + timedelta(days=3)))
    monkeypatch.setattr("conversations.outbound.send", wire)
    settled = []

    def receive(*, outcomes, **_kwargs):
        settled.extend(outcome.status for outcome in outcomes)

    messages_settled.connect(receive)
    try:
        sweep_for(clock, 30)
        assert statuses(site) == {"queued": 6}
        assert settled == []
        clock.pass_by(24 * 3600)
        messages_recover()
    finally:
        messages_settled.disconnect(receive)
    assert statuses(site) == {"failed": 6}
    assert settled == ["failed"] * 6


# --- fairness


def test_a_flood_in_one_workspace_holds_up_no_other(db, clock):
    flood, calm = Site(), Site(name="Rival")
    crowd(flood.workspace, flood.channel, 625, prefix="flood")
    for _doubling in range(5):
        double(Message)
    crowd(calm.workspace, calm.channel, 10, prefix="calm")
    with all_workspaces():
        assert Message.objects.filter(workspace=flood.workspace).count() == 20_000
        rounds = [Counter(one.workspace_id for one in claim(16)) for _ in range(2)]
    assert [taken[flood.workspace.pk] for taken in rounds] == [8, 8]
    assert [taken[calm.workspace.pk] for taken in rounds] == [8, 2]


def test_one_channel_never_holds_all_slots(db, clock):
    site = Site()
    crowd(site.workspace, site.channel, 40)
    with all_workspaces():
        first = claim(16)
        assert len(first) == 8
        assert claim(8, first) == []
        other = make_channel(site.workspace, "fake")
        crowd(site.workspace, other, 40, prefix="other")
        second = claim(8, first)
        assert {one.channel_id for one in second} == {other.pk}
        assert len(second) == 4
