"""What providers delivered becomes identities, contacts, conversations and messages: each item once.

A delivery is one transaction. Each sender's contact is locked before anything is looked up, so that copies
of a delivery, handled at the same time elsewhere, wait and then find everything done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from channels_app.contract import InboundMessage, InboundStatus, adapters
from channels_app.models import Channel
from contacts.models import Contact, ContactIdentity
from conversations.content import MessageContent, storable_item
from conversations.models import Message
from conversations.realtime import announcing
from conversations.services.batch import Batch, batch_of
from conversations.services.messages import message_came
from conversations.services.opening import Opening, open_many
from conversations.statuses import statuses_apply
from isflow.infra.faults import declare, fault_point
from isflow.kernel.actor import Actor
from isflow.kernel.errors import Transient
from isflow.kernel.values import normalise
from isflow.workspaces.scope import workspace_scope

declare("inbound.before_commit")

STATUS_PATIENCE = timedelta(minutes=15)
"""How long news about a message we do not know (yet) is worth asking for again."""

inbound_gates: list[Callable[[int], bool]] = []
"""Asked with a contact's id when no conversation is open: True keeps it so, the message being an answer."""


def receive(channel: Channel, items: Sequence[InboundMessage | InboundStatus]) -> list[int]:
    """Store what a channel delivered; return the ids of messages that are new.

    Raises Transient after everything else is stored if a status speaks of a message that is not known yet:
    it may overtake the record of our own sending. The same delivery may be given again without harm.
    """
    with workspace_scope(channel.workspace_id), announcing():
        new: list[int] = []
        # In one order everywhere, so that two deliveries with the same senders cannot block each other.
        for address, messages in sorted(_by_sender(channel, items).items()):
            new += _receive_from(channel, address, messages)
        fault_point("inbound.before_commit")
        unknown = statuses_apply(channel, [item for item in items if isinstance(item, InboundStatus)])
    if any(timezone.now() - status.at < STATUS_PATIENCE for status in unknown):
        raise Transient(f"Status of {len(unknown)} unknown message(s).")
    return new


def identity_for(channel: Channel, address: str, *, display_name: str = "") -> ContactIdentity:
    """Return the identity under a normalised address, made with a new contact if nobody has it.

    Must run in a transaction. If two calls race, one makes the contact and the other finds it.
    """
    found = ContactIdentity.objects.filter(channel=channel, address=address).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            contact = Contact.objects.create(workspace_id=channel.workspace_id, **_who(address, display_name))
            return ContactIdentity.objects.create(
                workspace_id=channel.workspace_id,
                contact=contact,
                channel=channel,
                address=address,
                display_name=display_name[:200],
            )
    except IntegrityError:
        return ContactIdentity.objects.get(channel=channel, address=address)


def _by_sender(channel: Channel, items: Iterable[object]) -> dict[str, list[InboundMessage]]:
    adapter = adapters.get(channel.kind)()
    groups: dict[str, list[InboundMessage]] = {}
    for item in items:
        if isinstance(item, InboundMessage):
            message = storable_item(item)
            address = adapter.normalise_address(message.sender)[:200]
            groups.setdefault(address, []).append(message)
    return groups


def _receive_from(channel: Channel, address: str, items: Sequence[InboundMessage]) -> list[int]:
    """Store what one sender wrote; in the caller's transaction."""
    name = next((item.sender_name for item in items if item.sender_name and not item.echo), "")
    actor = Actor(source="contact", name=name)
    identity = identity_for(channel, address, display_name=name)
    with batch_of([identity.contact_id], channel_ids=[channel.pk]) as batch:
        if identity.contact_id not in batch.contacts or channel.pk not in batch.channels:
            raise Transient("Contact or channel has just been changed.")
        ids = [item.external_id for item in items]
        known = set(
            Message.objects.filter(channel=channel, external_id__in=ids).values_list("external_id", flat=True)
        )
        fresh: dict[str, InboundMessage] = {}
        for item in items:
            if item.external_id not in known:
                fresh.setdefault(item.external_id, item)
        if not fresh:
            return []
        # The order of ids is the order in which a contact's messages are handled, so time is ours as well.
        now = timezone.now()
        _open_if_due(batch, identity, list(fresh.values()), now, actor)
        messages = [_message(batch, identity, item, now) for item in fresh.values()]
        Message.objects.bulk_create(messages)
        for message, item in zip(messages, fresh.values(), strict=True):
            message_came(batch, message, Actor() if item.echo else actor)
        _remember(identity, messages)
    return [message.pk for message in messages]


def _open_if_due(
    batch: Batch, identity: ContactIdentity, items: Sequence[InboundMessage], now: datetime, actor: Actor
) -> None:
    """Open an episode for what the contact wrote, unless it answers a question or the contact is blocked."""
    contact = batch.contacts[identity.contact_id]
    first = next((item for item in items if not item.echo), None)
    if first is None or contact.is_blocked or batch.open_conversation(contact.pk) is not None:
        return
    if contact.pk in batch.latest and any(gate(contact.pk) for gate in inbound_gates):
        return
    by = Actor(source="ctc_ads", name=actor.name) if first.referral else actor
    opening = Opening(
        contact_id=contact.pk,
        at=now,
        actor=by,
        channel_id=identity.channel_id,
        text=_words(first),
        kind=first.kind,
        ad=first.referral,
    )
    open_many(batch, [opening])


def _message(batch: Batch, identity: ContactIdentity, item: InboundMessage, now: datetime) -> Message:
    contact = batch.contacts[identity.contact_id]
    direction = Message.Direction.OUT if item.echo else Message.Direction.IN
    return Message(
        workspace_id=batch.workspace_id,
        contact=contact,
        conversation=batch.latest.get(contact.pk),
        channel=batch.channels[identity.channel_id],
        identity=identity,
        direction=direction,
        kind=item.kind[:16],
        text=item.text,
        content=MessageContent.of_inbound(item).to_json(),
        source="system" if item.echo else "contact",
        sender_name=("" if item.echo else contact.name)[:100],
        external_id=item.external_id,
        status=Message.Status.SENT if item.echo else Message.Status.RECEIVED,
        created_at=now,
        sent_at=item.sent_at,
    )


def _remember(identity: ContactIdentity, messages: Sequence[Message]) -> None:
    """Keep on contact and identity when, where and what was last written; nobody watches these columns."""
    incoming = [message for message in messages if message.direction == Message.Direction.IN]
    if not incoming:
        return
    last = incoming[-1]
    Contact.objects.filter(pk=identity.contact_id).update(
        last_channel_id=identity.channel_id,
        last_incoming_at=last.created_at,
        last_incoming_text=last.text[:500],
    )
    ContactIdentity.objects.filter(pk=identity.pk).update(last_incoming_at=last.created_at)


def _words(item: InboundMessage) -> str:
    """Return the text of a message, or the name of its first file."""
    return item.text or next((file.name for file in item.attachments if file.name), "")


def _who(address: str, display_name: str) -> dict[str, str]:
    """Return what is known of a new contact: names, and the address where it is a phone number or e-mail."""
    first, _, last = display_name.strip().partition(" ")
    known = {"first_name": first[:100], "last_name": last.strip()[:100]}
    for field, kind, sign in (
        ("phone", "phone", address.startswith("+")),
        ("email", "email", "@" in address),
    ):
        if not sign:
            continue
        try:
            known[field] = str(normalise(kind, address))
        except ValueError:
            continue
    return known
