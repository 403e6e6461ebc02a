"""What became of attempts to send: recorded once, under the claim's token, and told to the apps above."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from channels_app.models import Channel
from conversations.attempts import Attempt, try_again
from conversations.breaker import channels_failed, channels_heard
from conversations.changes import MessageOutcome
from conversations.items import MessageItem
from conversations.limits import max_age
from conversations.models import Message
from conversations.queue import UNSENT
from conversations.realtime import announce_item, announcing
from conversations.services.messages import capabilities_of
from conversations.signals import messages_settled
from isflow.infra.db import DATABASE_TROUBLE, give_up_broken_connection, update_many
from isflow.infra.faults import declare, fault_point
from isflow.workspaces.scope import all_workspaces, workspace_scope

declare("send.before_outcome_commit")

log = structlog.get_logger(__name__)

_COLUMNS = ("status", "external_id", "error", "attempts", "not_before", "sent_at")


def outcomes_record(attempts: Iterable[Attempt]) -> set[int]:
    """Record outcomes, one transaction per workspace; outcomes of claims that were lost change no run.

    Returns the ids of messages about which the database would hear nothing now: to be recorded again soon.
    """
    kept: set[int] = set()
    groups: dict[int, list[Attempt]] = {}
    for attempt in attempts:
        groups.setdefault(attempt.message.workspace_id, []).append(attempt)
    for workspace_id, group in groups.items():
        with workspace_scope(workspace_id):
            try:
                _record(group)
            except DATABASE_TROUBLE as error:
                kept |= _kept(group, error)
            except Exception as error:  # noqa: BLE001 - one outcome must not cost the others theirs
                log.warning("messages.record_again", count=len(group), error=type(error).__name__)
                for attempt in group:
                    kept |= _record_alone(attempt)
    return kept


def _kept(attempts: Sequence[Attempt], error: Exception) -> set[int]:
    log.warning("messages.not_recorded", count=len(attempts), error=type(error).__name__)
    give_up_broken_connection()
    return {attempt.message.pk for attempt in attempts}


def messages_recover() -> int:
    """Settle what nobody works on; return how many messages that were.

    Lost claims become unknown, or queued if the provider takes our key; what can no longer go out fails.
    """
    now = timezone.now()
    with all_workspaces(), transaction.atomic():
        lost = _locked(Q(status=Message.Status.SENDING, lease_until__lt=now))
        stuck = _locked(
            Q(status=Message.Status.QUEUED)
            & (
                Q(channel=None)
                | Q(channel__status=Channel.Status.DISCONNECTED)
                | Q(created_at__lt=now - max_age())
            )
        )
        # One transaction: the rows stay locked until their outcome is written.
        outcomes_record([*(_lost(one, now) for one in lost), *(_stuck(one, now) for one in stuck)])
    return len(lost) + len(stuck)


def _locked(condition: Q, limit: int = 200) -> list[Message]:
    # The order, and both conditions, are those of the index of unsent messages.
    unsent = Message.objects.filter(condition, status__in=UNSENT).order_by("channel_id", "pk")
    rows = unsent.select_related("channel")
    return list(rows.select_for_update(of=("self",), no_key=True, skip_locked=True)[:limit])


def _lost(message: Message, now: datetime) -> Attempt:
    if message.channel is not None and capabilities_of(message.channel).idempotent:
        return try_again(message, _("Sending was interrupted."), retry_after=None)
    error = _("Sending was interrupted; nobody knows whether the message arrived.")
    return Attempt(message, Message.Status.UNKNOWN, now, error=error)


def _stuck(message: Message, now: datetime) -> Attempt:
    if message.channel is None:
        error = _("The channel no longer exists.")
    elif message.channel.status == Channel.Status.DISCONNECTED:
        error = _("The channel “%(name)s” is disconnected.") % {"name": message.channel.name}
    else:
        error = _("The message could not be sent in time.")
    return Attempt(message, Message.Status.FAILED, now, error=error)


def _record(attempts: Sequence[Attempt]) -> None:
    with announcing():
        attempts = _judged(attempts)
        changed = set(
            update_many(
                Message, "id", _COLUMNS, [_row(one) for one in attempts], fence=["status", "lease_token"]
            )
        )
        lost = [one for one in attempts if one.message.pk not in changed and one.status != "queued"]
        late = _record_late(lost) if lost else set()
        _pause_channels(attempts)
        settled = [one for one in attempts if one.message.pk in changed and one.status != "queued"]
        for one in attempts:
            if one.message.pk in changed | late:
                announce_item(one.message.workspace_id, _shown(one))
        if settled:
            messages_settled.send(sender=Message, outcomes=[_outcome(one) for one in settled])
        fault_point("send.before_outcome_commit")


def _judged(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Tell the breaker how the channels fare; while one is taken to be down, its messages lose no attempt."""
    now = timezone.now()
    well = {one.message.channel_id for one in attempts if one.heard}
    failures: dict[int, list[datetime]] = {}
    for one in attempts:
        channel_id = one.message.channel_id
        if one.heard is False and channel_id is not None and channel_id not in well:
            failures.setdefault(channel_id, []).append(one.at)
    if well:
        channels_heard([pk for pk in well if pk is not None], now)
    down = channels_failed(attempts[0].message.workspace_id, failures, now) if failures else frozenset()
    return [_spared(one, now) if one.message.channel_id in down else one for one in attempts]


def _spared(attempt: Attempt, now: datetime) -> Attempt:
    """Keep a message due that surely did not leave because the provider is down, until it is too old."""
    lost = attempt.heard is False and attempt.status != Message.Status.UNKNOWN
    if not lost or now - attempt.message.created_at > max_age():
        return attempt
    return replace(attempt, status=Message.Status.QUEUED, not_before=None, counted=False)


def _record_late(attempts: Sequence[Attempt]) -> set[int]:
    """Let an answer that came after the claim was lost still turn unknown into known, for the eye only."""
    rows = [(one.message.pk, "unknown", *_row(one)[2:]) for one in attempts]
    return set(update_many(Message, "id", _COLUMNS, rows, fence=["status", "lease_token"]))


def _record_alone(attempt: Attempt) -> set[int]:
    """Record one outcome; what cannot be recorded stays ``sending`` until its lease ends."""
    try:
        try:
            _record([attempt])
        except IntegrityError:
            # The provider's echo of our own message was stored first, under the same id.
            _record_over_echo(attempt)
    except DATABASE_TROUBLE as error:
        return _kept([attempt], error)
    except Exception:
        log.exception("message.outcome_not_recorded", message_id=attempt.message.pk)
    return set()


def _record_over_echo(attempt: Attempt) -> None:
    with transaction.atomic():
        Message.objects.filter(
            channel=attempt.message.channel,
            external_id=attempt.external_id,
            direction=Message.Direction.OUT,
            key=None,
        ).delete()
        _record([attempt])


def _row(attempt: Attempt) -> tuple[object, ...]:
    """Return key, fence (the state we saw), and new values."""
    message = attempt.message
    return (
        message.pk,
        message.status,
        message.lease_token,
        attempt.status,
        attempt.external_id,
        attempt.error[:500],
        message.attempts - (0 if attempt.counted else 1),
        attempt.not_before,
        attempt.at if attempt.status == Message.Status.SENT else None,
    )


def _pause_channels(attempts: Sequence[Attempt]) -> None:
    pauses: dict[int, datetime] = {}
    for one in attempts:
        if one.pause_until is not None and one.message.channel_id is not None:
            pk = one.message.channel_id
            pauses[pk] = max(one.pause_until, pauses.get(pk, one.pause_until))
    if pauses:
        update_many(Channel, "id", ["not_before"], list(pauses.items()))


def _shown(attempt: Attempt) -> MessageItem:
    """Return the line of the thread; the message itself keeps the state we claimed it in."""
    item = MessageItem.of(attempt.message)
    return replace(item, status=str(attempt.status), error=attempt.error[:500])


def _outcome(attempt: Attempt) -> MessageOutcome:
    message = attempt.message
    return MessageOutcome(
        message_id=message.pk,
        key=message.key or "",
        run_id=message.run_id,
        contact_id=message.contact_id,
        status=str(attempt.status),
        error=attempt.error,
    )
