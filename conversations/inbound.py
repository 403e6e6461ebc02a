"""What providers delivered becomes identities, contacts, conversations and messages: each item once.

However many items come together, they cost one transaction and a fixed number of statements. The senders'
contacts are locked before anything is looked up, so that copies of an item, handled at the same time
elsewhere, wait and then find everything done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from channels_app.contract import InboundMessage, InboundStatus, adapters
from channels_app.models import Channel
from contacts.events import created_event
from contacts.models import ContactIdentity
from conversations.content import MessageContent, storable_item
from conversations.models import Message
from conversations.realtime import announcing
from conversations.services.batch import Batch, batch_of
from conversations.services.messages import message_came
from conversations.services.opening import Opening, open_many
from conversations.services.senders import identities_for, senders_remember
from conversations.statuses import statuses_apply
from isflow.infra.faults import declare, fault_point
from isflow.infra.inserts import insert_many
from isflow.infra.prepared import Among, Given, Prepared, every
from isflow.kernel.actor import Actor, current_actor
from isflow.kernel.errors import Transient
from isflow.workspaces.scope import workspace_scope

declare("inbound.before_commit")

STATUS_PATIENCE = timedelta(minutes=15)
"""How long news about a message we do not know (yet) is worth asking for again."""

inbound_gates: list[Callable[[Collection[int]], Collection[int]]] = []
"""Asked with the ids of contacts who have no open conversation; those returned keep it so: they answer."""

Items = Sequence[InboundMessage | InboundStatus]


@dataclass(frozen=True, slots=True)
class Received:
    """Ids of the messages that are new, and news about messages that are not known: they may be, soon."""

    new: list[int]
    early: list[InboundStatus]


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message whose texts can be stored, and the address it came from."""

    address: str
    item: InboundMessage


def receive(channel: Channel, items: Items) -> Received:
    """Store what a channel delivered, in order. The same items may be given again without harm.

    Raises Transient, nothing being stored, if a sender's contact is just being deleted.
    """
    with workspace_scope(channel.workspace_id), announcing():
        letters = _letters(channel, items)
        new = _receive(channel, letters) if letters else []
        fault_point("inbound.before_commit")
        unknown = statuses_apply(channel, [item for item in items if isinstance(item, InboundStatus)])
    now = timezone.now()
    return Received(new, [status for status in unknown if now - status.at < STATUS_PATIENCE])


def _letters(channel: Channel, items: Iterable[object]) -> list[_Letter]:
    """Return the messages among the items, each provider's id once."""
    adapter = adapters.get(channel.kind)()
    letters: dict[str, _Letter] = {}
    for item in items:
        if isinstance(item, InboundMessage):
            message = storable_item(item)
            address = adapter.normalise_address(message.sender)[:200]
            letters.setdefault(message.external_id, _Letter(address, message))
    return list(letters.values())


def _receive(channel: Channel, letters: Sequence[_Letter]) -> list[int]:
    """Store messages; in the caller's transaction."""
    names = _names(letters)
    identities, made = identities_for(channel, names)
    with batch_of([one.contact_id for one in identities.values()], channel_ids=[channel.pk]) as batch:
        here = all(one.contact_id in batch.contacts for one in identities.values())
        if not here or channel.pk not in batch.channels:
            raise Transient("Contact or channel has just been changed.")
        batch.events += [
            created_event(workspace_id=batch.workspace_id, contact_id=pk, actor=current_actor())
            for pk in made
        ]
        fresh = _fresh(channel, letters)
        # The order of ids is the order in which a contact's messages are handled, so time is ours as well.
        now = timezone.now()
        _open_where_due(batch, identities, names, fresh, now)
        messages = insert_many(
            [_message(batch, identities[letter.address], letter.item, now) for letter in fresh]
        )
        for message, letter in zip(messages, fresh, strict=True):
            message_came(batch, message, Actor() if letter.item.echo else _actor(names, letter))
        last = {letter.address: letter.item.text for letter in fresh if not letter.item.echo}
        senders_remember([(identities[address], text) for address, text in last.items()], now)
    return [message.pk for message in messages]


def _names(letters: Iterable[_Letter]) -> dict[str, str]:
    """Return what each sender is called, empty if nobody says it."""
    names: dict[str, str] = {}
    for letter in letters:
        name = "" if letter.item.echo else letter.item.sender_name
        names[letter.address] = names.get(letter.address) or name
    return names


def _actor(names: Mapping[str, str], letter: _Letter) -> Actor:
    return Actor(source="contact", name=names[letter.address])


def _fresh(channel: Channel, letters: Sequence[_Letter]) -> list[_Letter]:
    ids = [letter.item.external_id for letter in letters]
    known = {known for (known,) in _KNOWN(workspace=channel.workspace_id, channel=channel.pk, ids=ids)}
    return [letter for letter in letters if letter.item.external_id not in known]


_KNOWN = Prepared(
    lambda: (
        every(Message)
        .filter(Among("external_id", "ids"), workspace_id=Given("workspace"), channel_id=Given("channel"))
        .values_list("external_id")
    )
)


def _open_where_due(
    batch: Batch,
    identities: Mapping[str, ContactIdentity],
    names: Mapping[str, str],
    letters: Iterable[_Letter],
    now: datetime,
) -> None:
    """Open an episode for who wrote, unless it answers a question or the contact is blocked."""
    first: dict[int, _Letter] = {}
    for letter in letters:
        contact_id = identities[letter.address].contact_id
        if letter.item.echo or batch.contacts[contact_id].is_blocked or batch.open_conversation(contact_id):
            continue
        first.setdefault(contact_id, letter)
    # Nobody has asked a contact who never had a conversation.
    asked = [contact_id for contact_id in first if contact_id in batch.latest]
    answering = {contact_id for gate in inbound_gates for contact_id in gate(asked)} if asked else set()
    open_many(
        batch,
        [
            _opening(contact_id, identities[letter.address], letter.item, now, _actor(names, letter))
            for contact_id, letter in first.items()
            if contact_id not in answering
        ],
    )


def _opening(
    contact_id: int, identity: ContactIdentity, item: InboundMessage, now: datetime, actor: Actor
) -> Opening:
    return Opening(
        contact_id=contact_id,
        at=now,
        actor=Actor(source="ctc_ads", name=actor.name) if item.referral else actor,
        channel_id=identity.channel_id,
        # The text of the message, or the name of its first file.
        text=item.text or next((file.name for file in item.attachments if file.name), ""),
        kind=item.kind,
        ad=item.referral,
    )


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
