"""Sending what is queued: claim and commit, call the provider with no transaction open, record the outcome.

The committed claim announces the attempt. Whoever dies after it leaves a message ``sending`` behind, which
the machine never sends again unless the provider takes our key: see ``outcomes.messages_recover``.
"""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from threading import Event, Lock
from time import monotonic

import structlog
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from channels_app.contract import DeliveryError, DeliveryUnknown, OutboundMessage
from channels_app.services import send
from conversations.attempts import Attempt, try_again
from conversations.content import MessageContent, stored_id
from conversations.models import Message
from conversations.outcomes import messages_recover, outcomes_record
from conversations.queue import claim, renew, rest_seconds
from isflow.infra.db import DATABASE_TROUBLE, give_up_broken_connection
from isflow.infra.faults import declare, fault_point
from isflow.infra.tasks import hint
from isflow.workspaces.scope import all_workspaces

__all__ = ["messages_recover", "messages_send"]

declare("send.after_claim", "send.after_call", "send.after_outcome")

RENEW_SECONDS = 3.0
SLICE_SECONDS = 10.0
"""After this long nothing more is claimed; a new hint lets others have a turn."""
LOOK_SECONDS = 0.25
"""While there are free slots, new messages and channels that may send again are looked for so often."""
GATHER_SECONDS = 0.004
"""Calls that end so soon after another are recorded with it; until then nobody but us knows of it."""
AGAIN_SECONDS = 0.25
"""Pause before outcomes are recorded once more that the database did not take."""
STUBBORN_SECONDS = 60.0
"""How long after its slice a sender tries to record what it knows; after that it counts as unknown."""

_resting = Lock()

log = structlog.get_logger(__name__)


def messages_send(*, slots: int | None = None, seconds: float = SLICE_SECONDS) -> int:
    """Send what is due, several at once; return how many attempts were made."""
    slots = slots or settings.ISFLOW_SEND_SLOTS
    start = renewed = monotonic()
    attempts = 0
    flights: dict[Future[Attempt], Message] = {}
    with all_workspaces(), ThreadPoolExecutor(slots, thread_name_prefix="send") as pool:
        while monotonic() - start < seconds + STUBBORN_SECONDS:
            in_time = monotonic() - start < seconds
            has_room = in_time and len(flights) < slots
            # What has ended is recorded before anything else begins.
            if has_room and not any(future.done() for future in flights):
                for message in _claimed(slots, flights.values()):
                    fault_point("send.after_claim")
                    flights[pool.submit(_attempt, message)] = message
            if not flights:
                if in_time and _rest():
                    continue
                break
            patience = min(RENEW_SECONDS, LOOK_SECONDS) if has_room else RENEW_SECONDS
            attempts += _land(flights, patience)
            if monotonic() - renewed >= RENEW_SECONDS:
                _renew(flights.values())
                renewed = monotonic()
    if not in_time:
        hint("send")
    return attempts


def _claimed(slots: int, flying: Collection[Message]) -> list[Message]:
    """Claim what the free slots can carry; with calls in the air, a troubled database is no reason to end."""
    try:
        return claim(slots - len(flying), flying, slots=slots)
    except DATABASE_TROUBLE as error:
        if not flying:
            raise
        log.warning("messages.not_claimed", error=type(error).__name__)
        give_up_broken_connection()
        return []


def _renew(flying: Collection[Message]) -> None:
    try:
        renew(list(flying))
    except DATABASE_TROUBLE as error:
        log.warning("messages.not_renewed", error=type(error).__name__)
        give_up_broken_connection()


def _land(flights: dict[Future[Attempt], Message], patience: float) -> int:
    """Wait for calls to end, record what came of them, and return how many were recorded.

    What the database does not take now stays in flight for us, and is recorded the next time.
    """
    done, pending = wait(flights, timeout=patience, return_when=FIRST_COMPLETED)
    if done and pending:
        done, _pending = wait(flights, timeout=GATHER_SECONDS)
    if not done:
        return 0
    fault_point("send.after_call")
    kept = outcomes_record([future.result() for future in done])
    fault_point("send.after_outcome")
    recorded = [future for future in done if flights[future].pk not in kept]
    for future in recorded:
        del flights[future]
    if kept:
        pause(AGAIN_SECONDS)
    return len(recorded)


def _rest() -> bool:
    """Wait a moment if a limit lifts soon. One sender of a process does; the others leave it to that one."""
    if not _resting.acquire(blocking=False):
        return False
    try:
        seconds = rest_seconds()
        if seconds is not None:
            pause(min(max(seconds, 0.01), LOOK_SECONDS))
    finally:
        _resting.release()
    return seconds is not None


def pause(seconds: float) -> None:
    """Do nothing for so many seconds; no transaction is open."""
    Event().wait(seconds)


def _attempt(message: Message) -> Attempt:
    """Hand one message to its channel and classify what came of it. Runs in the pool, touches no table."""
    channel, identity = message.channel, message.identity
    if channel is None or identity is None:
        error = _("The contact can no longer be reached on this channel.")
        return Attempt(message, Message.Status.FAILED, timezone.now(), error=error)
    content = MessageContent.from_json(message.content)
    outbound = OutboundMessage(
        recipient=identity.address,
        text=message.text,
        key=message.key or str(message.pk),
        options=content.options,
        options_title=content.options_title,
        attachments=content.attachments,
        subject=content.subject,
        html=content.html,
        thread_key=content.thread_key,
    )
    try:
        receipt = send(channel, outbound)
    except DeliveryError as error:
        if not error.permanent:
            again = try_again(
                message, error.message, retry_after=error.retry_after, unreached=error.unreached
            )
            return replace(again, heard=error.retry_after is not None)
        return Attempt(message, Message.Status.FAILED, timezone.now(), error=error.message, heard=True)
    except DeliveryUnknown as error:
        text = str(error) or _("Nobody knows whether the message arrived.")
        return Attempt(message, Message.Status.UNKNOWN, timezone.now(), error=text, heard=False)
    except Exception:
        # A fault of the adapter may show before or after the sending: nobody can know.
        log.exception("message.adapter_failed", message_id=message.pk, channel_id=channel.pk)
        error_text = _("The channel failed in an unexpected way.")
        return Attempt(message, Message.Status.UNKNOWN, timezone.now(), error=error_text)
    external_id = stored_id(receipt.external_id) or None
    return Attempt(message, Message.Status.SENT, timezone.now(), external_id=external_id, heard=True)
