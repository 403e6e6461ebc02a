"""What a step may see: the contact and its surroundings as they stand at this moment of the burst."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from isflow.kernel.values import Scalar


class Need(StrEnum):
    """Parts of the snapshot that cost a query; a step type declares which ones it reads."""

    FIELDS = "fields"
    TAGS = "tags"
    CHANNELS = "channels"
    CONVERSATION = "conversation"
    ASSIGNEE = "assignee"


@dataclass(frozen=True, slots=True)
class ChannelView:
    """One channel by which the contact can be reached, and what it can carry."""

    id: int
    kind: str
    name: str
    identity_id: int
    connected: bool = True
    instant: bool = True
    max_buttons: int = 0
    max_list_rows: int = 0
    text_limit: int = 2000
    window_open: bool = True
    has_subject: bool = False


@dataclass(frozen=True, slots=True)
class UserView:
    """A member of the workspace."""

    id: int
    name: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    team: str = ""
    presence: str = "offline"


@dataclass(frozen=True, slots=True)
class ConversationView:
    """The contact's latest conversation. ``count`` says how many there have been."""

    id: int | None = None
    is_open: bool = False
    count: int = 0
    channel_id: int | None = None
    last_outgoing_source: str = ""


@dataclass(frozen=True, slots=True)
class ContactView:
    """The contact. ``values`` holds standard fields and custom ones by slug, canonical.

    ``kinds`` names the kind of every field there is; ``options`` the choices of those of kind list.
    """

    id: int
    values: Mapping[str, Scalar] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tags: Mapping[int, str] = field(default_factory=dict)
    assignee_id: int | None = None
    assignee: UserView | None = None
    channels: tuple[ChannelView, ...] = ()
    last_channel_id: int | None = None
    last_incoming_text: str = ""
    last_incoming_at: datetime | None = None
    created_at: datetime | None = None
    is_blocked: bool = False

    def text(self, slug: str) -> str:
        """A field as text, empty when it has no value."""
        value = self.values.get(slug)
        return "" if value is None else str(value)

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.text('firstname')} {self.text('lastname')}".strip()

    @property
    def last_channel(self) -> ChannelView | None:
        """The channel by which the contact last wrote."""
        return self.channel(self.last_channel_id)

    def channel(self, channel_id: int | None) -> ChannelView | None:
        """One of the contact's channels, or None if they cannot be reached there."""
        return next((channel for channel in self.channels if channel.id == channel_id), None)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a burst knows of one contact. Effects make a new one.

    ``users``: members of the workspace by id, there with Need.ASSIGNEE, so that an assignment shows at once.
    """

    contact: ContactView
    conversation: ConversationView = field(default_factory=ConversationView)
    users: Mapping[int, UserView] = field(default_factory=dict)
