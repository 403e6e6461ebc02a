"""What a channel adapter is: pure transport, told everything it needs, knowing no model and no task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from isflow.kernel.registry import Registry


class AdapterConfig(BaseModel):
    """Settings of one connected account; secrets are ``SecretStr`` and stored encrypted."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class NoConfig(AdapterConfig):
    """An account without settings."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can carry, so that nobody has to ask which channel it is.

    ``window_hours``: free messages are allowed only that long after the contact last wrote.
    ``instant``: handing over is our own commit; such a message counts as sent at once.
    ``sends_per_second``: of the whole account. ``sends_per_recipient_seconds``: rest between two messages to
    the same address.
    """

    text_limit: int = 2000
    max_buttons: int = 0
    max_list_rows: int = 0
    button_label_limit: int = 20
    media_kinds: frozenset[str] = frozenset()
    media_bytes: int = 20 * 1024 * 1024
    has_subject: bool = False
    has_html: bool = False
    has_templates: bool = False
    has_location: bool = False
    window_hours: int | None = None
    instant: bool = False
    starts_conversations: bool = False
    sends_per_second: float | None = None
    sends_per_recipient_seconds: float | None = None
    idempotent: bool = False


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file by address; ``kind`` is image, audio, video or file."""

    kind: str
    url: str
    name: str = ""
    mime: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """A choice offered to the contact; ``id`` comes back when it is pressed."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """One message of a contact as the provider told it. ``echo``: our account sent it by other means."""

    external_id: str
    sender: str
    sent_at: datetime
    kind: str = "text"
    text: str = ""
    payload: str = ""
    attachments: tuple[Attachment, ...] = ()
    location: tuple[float, float] | None = None
    sender_name: str = ""
    referral: Mapping[str, str] | None = None
    echo: bool = False


@dataclass(frozen=True, slots=True)
class InboundStatus:
    """What became of a message we sent: sent, delivered, read or failed."""

    external_id: str
    status: str
    at: datetime
    error: str = ""


@dataclass(frozen=True, slots=True)
class Unparsed:
    """An item of a delivery that could not be read; shown to the operator, harming no other item."""

    reason: str
    raw: str


InboundItem = InboundMessage | InboundStatus | Unparsed


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One message ready for the wire: already rendered within the channel's capabilities."""

    recipient: str
    text: str
    key: str
    options: tuple[Option, ...] = ()
    options_title: str = ""
    attachments: tuple[Attachment, ...] = ()
    subject: str = ""
    html: str = ""
    thread_key: str = ""
    template: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class SendReceipt:
    """The provider took the message."""

    external_id: str


class DeliveryError(Exception):
    """The provider refused, surely nothing was sent. ``permanent``: trying again is of no use.

    ``retry_after``: the provider is too busy and wants to be left alone for so many seconds. ``unreached``:
    no connection came about. Neither is a failure of the message: it waits until it is too old.
    """

    def __init__(
        self, message: str, *, permanent: bool, retry_after: float | None = None, unreached: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent
        self.retry_after = retry_after
        self.unreached = unreached


class DeliveryUnknown(Exception):  # noqa: N818 - it is a state of knowledge, not a fault
    """The message may or may not have been sent. It must never be sent again by the machine."""


class SignatureError(Exception):
    """The call does not prove that it comes from the provider."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """Answer of a provider: status code and raw body."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AdapterIO:
    """The outside world as handed to an adapter. ``post`` raises DeliveryError or DeliveryUnknown."""

    post_json: Callable[[str, Mapping[str, Any], Mapping[str, str]], HttpReply]


_C = TypeVar("_C", bound=AdapterConfig)


class ChannelAdapter(ABC, Generic[_C]):
    """One kind of channel. Stateless; one instance may serve many accounts at once."""

    key: ClassVar[str]
    label: ClassVar[str]
    config_class: type[_C]
    capabilities: ClassVar[Capabilities] = Capabilities()

    def verify(self, headers: Mapping[str, str], body: bytes, config: _C) -> None:
        """Raise SignatureError unless the call is proven genuine. Total: any bytes, no other error."""
        raise SignatureError

    def challenge(self, query: Mapping[str, str], config: _C) -> str | None:
        """Answer to the provider's set-up question, or None when it is none of ours."""
        return None

    def parse(self, body: bytes, config: _C) -> Iterator[InboundItem]:
        """Items of a verified delivery, in order. A bad item becomes Unparsed, never an exception."""
        return iter(())

    def normalise_address(self, address: str) -> str:
        """The one spelling under which an address is stored."""
        return address.strip()

    @abstractmethod
    def send(self, message: OutboundMessage, config: _C, io: AdapterIO) -> SendReceipt:
        """Hand the message to the provider. Called outside any transaction."""


adapters: Registry[ChannelAdapter[Any]] = Registry("channel adapter")
