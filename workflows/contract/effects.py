"""What a step wants changed, as plain data. Applied to the snapshot at once, to the database in bulk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from isflow.kernel.values import Scalar
from workflows.contract.snapshot import Snapshot


class Effect(Protocol):
    """A change. ``apply`` shows it to the next step of the burst."""

    def apply(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot as it will be."""


@dataclass(frozen=True, slots=True)
class AddTag:
    """Put a tag on the contact; without id it is found, or created, by name."""

    tag_id: int | None
    name: str = ""

    def apply(self, snapshot: Snapshot) -> Snapshot:
        key = self.tag_id if self.tag_id is not None else -len(snapshot.contact.tags) - 1
        if self.tag_id is None and self.name in snapshot.contact.tags.values():
            return snapshot
        tags = {**snapshot.contact.tags, key: self.name}
        return replace(snapshot, contact=replace(snapshot.contact, tags=tags))


@dataclass(frozen=True, slots=True)
class RemoveTag:
    """Take a tag off the contact."""

    tag_id: int
    name: str = ""

    def apply(self, snapshot: Snapshot) -> Snapshot:
        tags = {key: name for key, name in snapshot.contact.tags.items() if key != self.tag_id}
        return replace(snapshot, contact=replace(snapshot.contact, tags=tags))


@dataclass(frozen=True, slots=True)
class SetField:
    """Set a contact field to a canonical value, or empty it with None."""

    slug: str
    value: Scalar

    def apply(self, snapshot: Snapshot) -> Snapshot:
        values = {**snapshot.contact.values, self.slug: self.value}
        return replace(snapshot, contact=replace(snapshot.contact, values=values))


@dataclass(frozen=True, slots=True)
class Assign:
    """Make a user responsible for the contact, or nobody."""

    user_id: int | None

    def apply(self, snapshot: Snapshot) -> Snapshot:
        assignee = None if self.user_id is None else snapshot.users.get(self.user_id)
        contact = replace(snapshot.contact, assignee_id=self.user_id, assignee=assignee)
        return replace(snapshot, contact=contact)


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """Open a conversation if none is open."""

    def apply(self, snapshot: Snapshot) -> Snapshot:
        if snapshot.conversation.is_open:
            return snapshot
        opened = replace(snapshot.conversation, is_open=True, count=snapshot.conversation.count + 1)
        return replace(snapshot, conversation=opened)


@dataclass(frozen=True, slots=True)
class CloseConversation:
    """Close the open conversation with an optional closing note."""

    category_id: int | None = None
    summary: str = ""

    def apply(self, snapshot: Snapshot) -> Snapshot:
        return replace(snapshot, conversation=replace(snapshot.conversation, is_open=False))


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice offered with a question; ``id`` comes back when it is pressed."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Media:
    """A file by address; ``kind`` is image, audio, video or file."""

    kind: str
    url: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send a message on one of the contact's channels. ``key`` makes it unique for ever."""

    channel_id: int
    identity_id: int
    key: str
    text: str
    choices: tuple[Choice, ...] = ()
    subject: str = ""
    html: str = ""
    media: tuple[Media, ...] = ()

    def apply(self, snapshot: Snapshot) -> Snapshot:
        spoken = replace(snapshot.conversation, last_outgoing_source="workflow")
        return replace(snapshot, conversation=spoken)


@dataclass(frozen=True, slots=True)
class AddComment:
    """Put an internal note on the contact."""

    text: str

    def apply(self, snapshot: Snapshot) -> Snapshot:
        return snapshot


@dataclass(frozen=True, slots=True)
class StartRun:
    """Send the contact into another workflow, at its beginning or at one of its steps."""

    workflow_id: int
    start_step_id: str | None = None
    variables: Mapping[str, Scalar] = field(default_factory=dict)

    def apply(self, snapshot: Snapshot) -> Snapshot:
        return snapshot
