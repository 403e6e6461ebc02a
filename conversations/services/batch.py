"""One batch of changes: what it needs is loaded with one query per kind, what it did is written at once.

Contacts are locked in the order of their ids, so that all that happens to one contact happens in turn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from channels_app.models import Channel
from contacts.models import Contact
from conversations.items import InboxRow, ThreadItem
from conversations.models import Conversation
from conversations.payloads import Facts
from conversations.realtime import announce_item, announce_row, announcing
from conversations.services.participants import Presences
from isflow.infra.db import update_many
from isflow.infra.prepared import Among, Given, Prepared, every
from isflow.kernel.actor import Actor
from isflow.workspaces.events import DomainEvent, record_events
from isflow.workspaces.models import User
from isflow.workspaces.scope import current_workspace_id

_COUNTERS = (
    "channel",
    "first_incoming_text",
    "first_incoming_kind",
    "first_response_at",
    "incoming_count",
    "outgoing_count",
    "unread_count",
    "last_message_at",
    "last_message_text",
    "last_message_incoming",
    "last_activity_at",
)
_CLOSING = (
    "status",
    "closed_at",
    "closed_source",
    "closed_by",
    "closed_by_name",
    "category",
    "category_name",
    "summary",
)


@dataclass
class Batch:
    """Contacts with their latest conversations, changed in memory and written by ``finish()``."""

    workspace_id: int
    contacts: dict[int, Contact]
    latest: dict[int, Conversation]
    channels: dict[int, Channel]
    users: dict[int, User]
    presences: Presences = field(default_factory=Presences)
    events: list[DomainEvent] = field(default_factory=list)
    items: list[tuple[ThreadItem, int | None]] = field(default_factory=list)
    left_by: dict[int, int] = field(default_factory=dict)
    shown: dict[int, None] = field(default_factory=dict)
    counted: dict[int, Conversation] = field(default_factory=dict)
    closed: dict[int, Conversation] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        contact_ids: Collection[int],
        *,
        channel_ids: Collection[int | None] = (),
        user_ids: Collection[int | None] = (),
    ) -> Batch:
        """Lock and load; contacts that do not exist (any more) are simply not there."""
        workspace_id = current_workspace_id()
        wanted = set(contact_ids)
        locked = _CONTACTS(workspace=workspace_id, ids=wanted) if wanted else []
        contacts = {contact.pk: contact for contact in locked}
        rows = _LATEST(workspace=workspace_id, ids=contacts) if contacts else []
        latest = {row.contact_id: row for row in rows}
        channels = {row.channel.pk: row.channel for row in latest.values() if row.channel is not None}
        used = {*channel_ids, *(contact.last_channel_id for contact in locked)}
        channels |= _channels(workspace_id, {pk for pk in used if pk and pk not in channels})
        named = {*user_ids, *(contact.assignee_id for contact in locked)}
        users = _users({pk for pk in named if pk})
        # Not by a join: for a row that had to be waited for, it would look for what the row said before.
        for contact in locked:
            contact.assignee = users.get(contact.assignee_id or 0)
            contact.last_channel = channels.get(contact.last_channel_id or 0)
        return cls(workspace_id, contacts, latest, channels, users)

    def open_conversation(self, contact_id: int) -> Conversation | None:
        """Return the contact's open episode, if any."""
        conversation = self.latest.get(contact_id)
        return conversation if conversation is not None and conversation.is_open else None

    def event(self, kind: str, contact_id: int, facts: Facts, actor: Actor) -> None:
        """Put a fact on record when the batch is finished."""
        self.events.append(DomainEvent(kind, self.workspace_id, contact_id, facts, actor))

    def show(self, contact_id: int, item: ThreadItem | None = None, *, visitor: int | None = None) -> None:
        """Show the contact's row anew when the batch is finished, and a line of the thread."""
        self.shown[contact_id] = None
        if item is not None:
            self.items.append((item, visitor))

    def name_of(self, actor: Actor) -> str:
        """Return how the actor is called, looking users up who came without a name."""
        if not actor.name and actor.user_id in self.users:
            return self.users[actor.user_id].name
        return actor.name

    def join(self, conversation: Conversation, who: tuple[str, str, str], at: datetime, actor: Actor) -> None:
        """Let somebody take part unless they do already."""
        self.presences.join(conversation, who, at, actor)

    def finish(self) -> None:
        """Write what changed, put the events on record and announce it."""
        _write(self.closed, _CLOSING)
        _write(self.counted, _COUNTERS)
        self.events += self.presences.finish(self.workspace_id)
        record_events(self.events)
        for item, visitor in self.items:
            announce_item(self.workspace_id, item, visitor=visitor)
        for contact_id in self.shown:
            row = InboxRow.of(self.contacts[contact_id], self.latest.get(contact_id))
            announce_row(self.workspace_id, row, left_by=self.left_by.get(contact_id))


@contextmanager
def batch_of(
    contact_ids: Collection[int],
    *,
    channel_ids: Collection[int | None] = (),
    user_ids: Collection[int | None] = (),
) -> Iterator[Batch]:
    """Give a loaded batch to the block, in a transaction, and finish it afterwards."""
    with announcing():
        batch = Batch.load(contact_ids, channel_ids=channel_ids, user_ids=user_ids)
        yield batch
        batch.finish()


def _channels(workspace_id: int, ids: Collection[int]) -> dict[int, Channel]:
    return {row.pk: row for row in _CHANNELS(workspace=workspace_id, ids=ids)} if ids else {}


def _users(ids: Collection[int]) -> dict[int, User]:
    return {row.pk: row for row in _USERS(ids=ids)} if ids else {}


_USERS: Final = Prepared(lambda: every(User).filter(Among("pk", "ids")))
_CONTACTS: Final = Prepared(
    lambda: (
        every(Contact)
        .filter(Among("pk", "ids"), workspace_id=Given("workspace"))
        .select_for_update(of=("self",), no_key=True)
        .order_by("pk")
    )
)
_LATEST: Final = Prepared(
    lambda: (
        every(Conversation)
        .filter(Among("contact_id", "ids"), workspace_id=Given("workspace"), is_latest=True)
        .select_related("channel")
    )
)
_CHANNELS: Final = Prepared(
    lambda: every(Channel).filter(Among("pk", "ids"), workspace_id=Given("workspace"))
)


def _write(rows: dict[int, Conversation], columns: tuple[str, ...]) -> None:
    """Write columns of changed conversations in one statement; their contacts are locked."""
    if not rows:
        return
    names = [Conversation._meta.get_field(name).attname for name in columns]  # type: ignore[union-attr]  # noqa: SLF001
    update_many(
        Conversation,
        "id",
        columns,
        [(row.pk, *(getattr(row, name) for name in names)) for row in rows.values()],
    )
