"""How a step ends its turn, and what wakes it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from isflow.kernel.values import Scalar


@dataclass(frozen=True, slots=True)
class Leave:
    """Go on through an outlet."""

    outlet: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Stay here until something happens or the deadline passes.

    ``kind``: ``timer`` (only the clock), ``question`` (a reply of the contact), ``delivery`` (what
    becomes of the message ``key``). A question may also learn that its message could not be sent.
    """

    kind: str
    until: datetime
    key: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """Ask the outside world, with no transaction open. ``repeatable``: the key may be sent twice."""

    request: HttpCall
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """The run is over, with a reason that is stored and a message for people."""

    reason: str
    message: str = ""


Outcome = Leave | Wait | Call | End


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A request to an address that staff have typed; goes through the guarded client."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    timeout_seconds: float = 10.0
    secret_headers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reply:
    """The contact answered."""

    text: str
    payload: str = ""
    kind: str = "text"
    message_id: int | None = None
    location: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The deadline passed."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The message is on its way; ``status`` is sent, delivered, read or unknown."""

    status: str


@dataclass(frozen=True, slots=True)
class DeliveryFailed:
    """The message was surely not sent."""

    error: str


Resume = Reply | TimedOut | Delivered | DeliveryFailed


@dataclass(frozen=True, slots=True)
class HttpAnswered:
    """The other side answered, with any status."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallRefused:
    """Nothing was sent: the address is not allowed, or nobody was there."""

    reason: str


@dataclass(frozen=True, slots=True)
class CallUnknown:
    """Something may have been sent; whether it worked nobody can know."""

    reason: str


Answer = HttpAnswered | CallRefused | CallUnknown

Variables = Mapping[str, Scalar]
