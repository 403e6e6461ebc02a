"""Sending what is queued: claim and commit, call the provider with no transaction open, record the outcome.

The committed claim announces the attempt. Whoever dies after it leaves a message ``sending`` behind, which
the machine never sends again unless the provider takes our key: see ``outcomes.messages_recover``.
"""

from __future__ import annotations

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
from conversations.content import MessageContent, stored_id
from conversations.models import Message
from conversations.outcomes import Attempt, messages_recover, outcomes_record, try_again
from conversations.queue import claim, renew, rest_seconds
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

_resting = Lock()

log = structlog.get_logger(__name__)


def messages_send(*, slots: int | None = None, seconds: float = SLICE_SECONDS) -> int:
    """Send what is due, several at once; return how many attempts were made."""
    slots = slots or settings.ISFLOW_SEND_SLOTS
    start = renewed = monotonic()
    attempts = 0
    flights: dict[Future[Attempt], Message] = {}
    with all_workspaces(), ThreadPoolExecutor(slots, thread_name_prefix="send") as pool:
        while True:
            in_time = monotonic() - start < seconds
            has_room = in_time and len(flights) < slots
            if has_room:
                for message in claim(slots - len(flights), flights.values(), slots=slots):
                    fault_point("send.after_claim")
                    flights[pool.submit(_attempt, message)] = message
            if not flights:
                if in_time and _rest():
                    continue
                break
            patience = min(RENEW_SECONDS, LOOK_SECONDS) if has_room else RENEW_SECONDS
            attempts += _land(flights, patience)
            if monotonic() - renewed >= RENEW_SECONDS:
                renew(list(flights.values()))
                renewed = monotonic()
    if not in_time:
        hint("send")
    return attempts


def _land(flights: dict[Future[Attempt], Message], patience: float) -> int:
    """Wait for calls to end, record what came of them, and return how many there were."""
    done, _pending = wait(flights, timeout=patience, return_when=FIRST_COMPLETED)
    if done:
        fault_point("send.after_call")
        outcomes_record([future.result() for future in done])
        fault_point("send.after_outcome")
        for future in done:
            del flights[future]
    return len(done)


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
    """Do nothing for so many seconds; no transaction is open and no message claimed."""
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
            again = try_again(message, error.message, retry_after=error.retry_after)
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
