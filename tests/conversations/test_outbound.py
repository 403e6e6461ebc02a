from __future__ import annotations

import threading
from concurrent.futures import Future
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from channels_app.contract import DeliveryError, DeliveryUnknown, SendReceipt
from channels_app.models import Channel
from conversations import inbound, outcomes
from conversations.models import ChannelPace, Message
from conversations.outbound import messages_recover, messages_send
from conversations.queue import claim, renew
from conversations.services import message_mark_delivered, message_send_again
from conversations.signals import messages_settled
from isflow.infra import faults
from isflow.infra.faults import Crash
from isflow.kernel.actor import Actor, acting_as
from isflow.kernel.errors import Conflict, NotFound
from isflow.workspaces.models import AuditEntry
from isflow.workspaces.scope import all_workspaces
from tests.factories_conversations import Site, incoming

REFUSED = DeliveryError("No such number.", permanent=True)
BUSY = DeliveryError("Busy.", permanent=False)


@pytest.fixture
def settled():
    seen = []

    def receive(*, outcomes, **_kwargs):
        seen.extend(outcomes)

    messages_settled.connect(receive)
    yield seen
    messages_settled.disconnect(receive)


class InlinePool:
    """A pool without threads, for calls that look into the test's database."""

    def __init__(self, *_args, **_kwargs):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        pass

    def submit(self, call, *args):
        future = Future()
        future.set_result(call(*args))
        return future


@pytest.fixture
def inline(monkeypatch):
    monkeypatch.setattr("conversations.outbound.ThreadPoolExecutor", InlinePool)


def only(site):
    with site.scope():
        return Message.objects.get()


def due_now(site):
    with site.scope():
        Message.objects.update(not_before=None)
        Channel.objects.update(not_before=None)


def lease_over(site):
    with site.scope():
        Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_queued_message_is_sent_once(site, provider, settled):
    site.queue(text="Hello", key="run:70:1")
    assert messages_send() == 1
    assert messages_send() == 0
    message = only(site)
    assert (message.status, message.external_id, message.attempts) == ("sent", "out-1", 1)
    assert message.sent_at is not None
    ((channel, outbound),) = provider.sent
    assert channel.pk == site.channel.pk
    assert (outbound.recipient, outbound.text, outbound.key) == (site.identity.address, "Hello", "run:70:1")
    (outcome,) = settled
    assert (outcome.status, outcome.run_id, outcome.key) == ("sent", 70, "run:70:1")


def test_messages_of_one_contact_leave_in_order(site, provider):
    for number in range(5):
        site.queue(text=str(number))
    messages_send()
    assert provider.texts == ["0", "1", "2", "3", "4"]


def test_a_message_waits_for_the_one_before_it(site, provider):
    site.queue(text="first")
    site.queue(text="second")
    provider.answers = [BUSY]
    messages_send()
    assert provider.texts == ["first"]
    due_now(site)
    messages_send()
    assert provider.texts == ["first", "first", "second"]


def test_a_refusal_for_good_fails_and_is_told(site, provider, settled, frames):
    site.queue()
    provider.answers = [REFUSED]
    messages_send()
    message = only(site)
    assert (message.status, message.error) == ("failed", "No such number.")
    assert [(one.status, one.error) for one in settled] == [("failed", "No such number.")]
    assert frames[-1][1][0].data["status"] == "failed"


def test_a_refusal_that_may_pass_is_tried_three_times_more(site, provider, settled):
    site.queue()
    provider.answers = [BUSY] * 4
    for seconds in (2, 8, 30):
        before = timezone.now()
        messages_send()
        message = only(site)
        assert message.status == "queued"
        assert abs((message.not_before - before).total_seconds() - seconds) < 1
        assert settled == []
        due_now(site)
    messages_send()
    assert only(site).status == "failed"
    assert len(settled) == 1


@pytest.mark.rule("DS3.rate_limited_waits")
def test_a_provider_that_names_its_time_rests_the_channel(db, provider):
    site = Site(contacts=2)
    site.queue(0)
    site.queue(1)
    provider.answers = [DeliveryError("Slow down.", permanent=False, retry_after=60)]
    messages_send(slots=1)
    assert len(provider.sent) == 1
    with site.scope():
        assert Channel.objects.get().not_before > timezone.now()
        assert Message.objects.order_by("pk")[0].attempts == 0
    due_now(site)
    messages_send()
    assert len(provider.sent) == 3


def test_a_limited_channel_sends_no_faster_than_allowed(db, provider, monkeypatch):
    monkeypatch.setattr("conversations.outbound.rest_seconds", lambda: None)
    site = Site(kind="fake_slow", contacts=5)
    for n in range(5):
        site.queue(n)
    messages_send()
    assert len(provider.sent) == 2
    with site.scope():
        assert ChannelPace.objects.get().next_at > timezone.now()


@pytest.mark.rule("DS3.unknown_never_resent")
def test_what_nobody_can_know_is_unknown_and_never_sent_again(site, provider, settled):
    site.queue()
    provider.answers = [DeliveryUnknown("Time out.")]
    messages_send()
    assert only(site).status == "unknown"
    assert [one.status for one in settled] == ["unknown"]
    messages_recover()
    assert messages_send() == 0


def test_a_broken_adapter_is_an_unknown_outcome(site, provider):
    site.queue()
    provider.answers = [ZeroDivisionError("bug")]
    messages_send()
    assert only(site).status == "unknown"


def test_a_disconnected_channel_fails_what_waits_for_it(site, provider, settled):
    site.queue()
    with site.scope():
        Channel.objects.update(status="disconnected")
    assert messages_send() == 0
    messages_recover()
    assert "disconnected" in only(site).error
    assert [one.status for one in settled] == ["failed"]


def test_two_workspaces_share_the_sender(site, rival, provider, settled):
    site.queue()
    rival.queue()
    messages_send()
    assert only(site).status == only(rival).status == "sent"
    assert len(settled) == 2


def test_calls_are_made_at_the_same_time(db, provider):
    site = Site(contacts=4)
    for n in range(4):
        site.queue(n)
    together = threading.Barrier(4, timeout=10)

    def answer():
        together.wait()
        return SendReceipt(f"t-{threading.get_ident()}-{timezone.now().timestamp()}")

    provider.answers = [answer] * 4
    assert messages_send() == 4


# --- crashes


@pytest.mark.parametrize(
    "case",
    [
        ("send.before_claim_commit", 0, "sent"),
        ("send.after_claim", 0, "unknown"),
        ("send.after_call", 1, "unknown"),
        ("send.before_outcome_commit", 1, "unknown"),
        ("send.after_outcome", 1, "sent"),
    ],
)
def test_a_crash_never_sends_twice(site, provider, settled, case):
    point, sent, status = case
    site.queue()
    faults.arm(point, faults.die)
    with pytest.raises(Crash):
        messages_send()
    faults.disarm_all()
    assert len(provider.sent) == sent

    lease_over(site)
    messages_recover()
    messages_send()

    assert only(site).status == status
    assert len(provider.sent) <= 1
    # A rolled back transaction takes the engine's rows with it; the list of this test it cannot.
    assert settled[-1].status == status


def test_a_channel_that_takes_our_key_may_repeat(db, provider):
    site = Site(kind="fake_idempotent")
    site.queue(key="same")
    faults.arm("send.after_call", faults.die)
    with pytest.raises(Crash):
        messages_send()
    faults.disarm_all()
    lease_over(site)
    messages_recover()
    due_now(site)
    messages_send()
    assert [message.key for _, message in provider.sent] == ["same", "same"]
    assert only(site).status == "sent"


def test_a_claim_that_was_lost_moves_nothing_but_may_still_inform(site, provider, settled, inline):
    site.queue()

    def freeze():
        lease_over(site)
        messages_recover()
        return SendReceipt("late-1")

    provider.answers = [freeze]
    messages_send(slots=1)
    message = only(site)
    assert (message.status, message.external_id) == ("sent", "late-1")
    assert [one.status for one in settled] == ["unknown"]


def test_a_message_is_claimed_by_one_only(db):
    site = Site(contacts=3)
    for n in range(3):
        site.queue(n)
    with all_workspaces():
        first = claim(2)
        second = claim(2)
    assert len(first) == 2
    assert len(second) == 1
    assert not {one.pk for one in first} & {one.pk for one in second}


def test_nothing_overtakes_a_message_that_is_in_the_air(site):
    site.queue(text="first")
    site.queue(text="second")
    with all_workspaces():
        assert [one.text for one in claim(10)] == ["first"]
        assert claim(10) == []


def test_an_echo_of_our_own_message_gives_way(site, provider, inline):
    site.queue(text="Hello")

    def echoed():
        inbound.receive(
            site.channel,
            [incoming("Hello", sender=site.identity.address, echo=True, external_id="wire-1")],
        )
        return SendReceipt("wire-1")

    provider.answers = [echoed]
    messages_send(slots=1)
    message = only(site)
    assert (message.status, message.external_id) == ("sent", "wire-1")
    assert message.key is not None


def test_a_person_may_send_a_lost_message_again_once(site, provider):
    first = site.queue(text="Hello")
    provider.answers = [DeliveryUnknown("Time out.")]
    messages_send()
    with site.scope():
        again = message_send_again(message_id=first.message_id, at=timezone.now())
        twice = message_send_again(message_id=first.message_id, at=timezone.now())
        assert again == twice
        with pytest.raises(Conflict):
            message_send_again(message_id=again.message_id, at=timezone.now())
        with pytest.raises(NotFound):
            message_send_again(message_id=0, at=timezone.now())
    messages_send()
    assert provider.texts == ["Hello", "Hello"]


def test_a_person_may_say_that_a_lost_message_arrived(site, provider, agent, frames):
    message_id = site.queue(text="Hello").message_id
    provider.answers = [DeliveryUnknown("Time out.")]
    messages_send()
    with site.scope(), acting_as(Actor(source="user", user_id=agent.pk, name="Ada")):
        message_mark_delivered(message_id=message_id)
        with pytest.raises(Conflict):
            message_mark_delivered(message_id=message_id)
        with pytest.raises(NotFound):
            message_mark_delivered(message_id=0)
    message = only(site)
    assert (message.status, message.error) == ("delivered", "")
    assert frames[-1][1][0].data["status"] == "delivered"
    (entry,) = AuditEntry.objects.filter(action="message.marked_delivered")
    assert (entry.user_id, entry.target, entry.workspace_id) == (agent.pk, str(message_id), site.workspace.pk)


def test_one_call_fails_alone(db, provider):
    site = Site(contacts=3)
    for n in range(3):
        site.queue(n, text=str(n))
    provider.answers = [REFUSED]
    messages_send(slots=1)
    with site.scope():
        statuses = list(Message.objects.order_by("pk").values_list("status", flat=True))
    assert statuses == ["failed", "sent", "sent"]


def test_a_claim_is_renewed_while_the_call_takes_long(site, provider, monkeypatch):
    renewed = threading.Event()
    seen = []

    def renew(messages):
        seen.extend(messages)
        renewed.set()

    def slow():
        assert renewed.wait(10)
        return SendReceipt("slow-1")

    monkeypatch.setattr("conversations.outbound.RENEW_SECONDS", 0.05)
    monkeypatch.setattr("conversations.outbound.renew", renew)
    site.queue()
    provider.answers = [slow]
    assert messages_send() == 1
    assert seen
    assert only(site).status == "sent"


def test_renewing_moves_only_what_is_still_ours(site):
    site.queue()
    with all_workspaces():
        (message,) = claim(1)
        Message.objects.update(lease_until=None)
        renew([message])
        assert Message.objects.get().lease_until is not None
        Message.objects.update(lease_until=None, lease_token=message.lease_token + 1)
        renew([message])
        assert Message.objects.get().lease_until is None


def test_an_outcome_that_cannot_be_recorded_costs_no_other(db, provider, inline):
    site = Site(contacts=2)
    site.queue(0, key="bad")
    site.queue(1, key="good")

    def refuse(*, outcomes, **_kwargs):
        if any(outcome.key == "bad" for outcome in outcomes):
            raise RuntimeError("no")

    messages_settled.connect(refuse)
    try:
        messages_send()
    finally:
        messages_settled.disconnect(refuse)
    with site.scope():
        assert Message.objects.get(key="good").status == "sent"
        assert Message.objects.get(key="bad").status == "sending"


# --- a database that is away for a moment


def test_what_the_database_did_not_take_is_recorded_a_moment_later(site, provider, settled, monkeypatch):
    """The call was made and answered: that must not become unknown because PostgreSQL restarts just now."""
    recording, refusals, pauses = outcomes.update_many, [], []

    def refuse_twice(*args, **kwargs):
        if len(refusals) < 2:
            refusals.append(args)
            raise OperationalError("the server is starting up")
        return recording(*args, **kwargs)

    monkeypatch.setattr(outcomes, "update_many", refuse_twice)
    monkeypatch.setattr("conversations.outbound.pause", pauses.append)
    site.queue()
    assert messages_send() == 1
    assert (len(refusals), len(pauses), len(provider.sent)) == (2, 2, 1)
    assert only(site).status == "sent"
    assert [one.status for one in settled] == ["sent"]


def test_a_sender_does_not_try_to_record_for_ever(site, provider, monkeypatch):
    def refuse(*args, **kwargs):
        raise OperationalError("gone")

    monkeypatch.setattr(outcomes, "update_many", refuse)
    monkeypatch.setattr("conversations.outbound.STUBBORN_SECONDS", 0.0)
    monkeypatch.setattr("conversations.outbound.AGAIN_SECONDS", 0.01)
    site.queue()
    assert messages_send(seconds=0.2) == 0
    assert only(site).status == "sending"


def test_a_claim_that_fails_costs_no_call_in_the_air_its_outcome(db, provider, monkeypatch):
    site = Site(contacts=2)
    for n in range(2):
        site.queue(n)
    failed = threading.Event()
    claims = []

    def claim_once(*args, **kwargs):
        claims.append(args)
        if len(claims) == 2:
            failed.set()
            raise OperationalError("gone")
        return claim(*args, **kwargs)

    def slow():
        assert failed.wait(10)
        return SendReceipt("slow-1")

    monkeypatch.setattr("conversations.outbound.claim", claim_once)
    monkeypatch.setattr("conversations.outbound.LOOK_SECONDS", 0.01)
    provider.answers = [slow]
    assert messages_send(slots=2) == 2
    with site.scope():
        assert set(Message.objects.values_list("status", flat=True)) == {"sent"}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_broke_while_claiming_is_not_used_for_outcomes(provider, monkeypatch):
    site = Site(contacts=2)
    for n in range(2):
        site.queue(n)
    broken, claims = threading.Event(), []

    def break_once(*args, **kwargs):
        claims.append(args)
        if len(claims) == 2:
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            finally:
                broken.set()
        return claim(*args, **kwargs)

    def slow():
        assert broken.wait(10)
        return SendReceipt("slow-1")

    monkeypatch.setattr("conversations.outbound.claim", break_once)
    monkeypatch.setattr("conversations.outbound.LOOK_SECONDS", 0.01)
    monkeypatch.setattr("conversations.outbound.STUBBORN_SECONDS", 0.5)
    provider.answers = [slow]
    messages_send(slots=2, seconds=1.0)
    with site.scope():
        assert "sending" not in set(Message.objects.values_list("status", flat=True))


def test_one_outcome_that_meets_an_outage_after_a_fault_is_kept(db, provider, monkeypatch):
    """First a fault of ours, so that outcomes are recorded one by one; then the database is away for one."""
    site, recording, calls = Site(contacts=2), outcomes.update_many, []
    for n in range(2):
        site.queue(n)

    def fail_then_refuse(*args, **kwargs):
        calls.append(args)
        if len(calls) == 1:
            raise ValueError("ours")
        if len(calls) == 2:
            raise OperationalError("gone")
        return recording(*args, **kwargs)

    monkeypatch.setattr(outcomes, "update_many", fail_then_refuse)
    monkeypatch.setattr("conversations.outbound.AGAIN_SECONDS", 0.01)
    messages_send(slots=2)
    with site.scope():
        assert set(Message.objects.values_list("status", flat=True)) == {"sent"}


def test_a_claim_that_fails_with_nothing_in_the_air_is_raised(site, monkeypatch):
    def refuse(*args, **kwargs):
        raise OperationalError("gone")

    monkeypatch.setattr("conversations.outbound.claim", refuse)
    with pytest.raises(OperationalError):
        messages_send()


def test_calls_that_end_together_are_recorded_together(db, provider, monkeypatch):
    site = Site(contacts=4)
    for n in range(4):
        site.queue(n)
    groups = []

    def record(attempts):
        groups.append(len(attempts))
        return outcomes.outcomes_record(attempts)

    first = threading.Event()

    def late():
        assert first.wait(10)
        return SendReceipt(f"late-{threading.get_ident()}")

    def early():
        first.set()
        return SendReceipt("early")

    provider.answers = [late, late, late, early]
    monkeypatch.setattr("conversations.outbound.outcomes_record", record)
    monkeypatch.setattr("conversations.outbound.GATHER_SECONDS", 5.0)
    assert messages_send(slots=8) == 4
    assert groups == [4]
