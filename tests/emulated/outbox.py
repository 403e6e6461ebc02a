"""What the emulated providers were given, and what they shall answer next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from channels_app.contract import DeliveryError, DeliveryUnknown, OutboundMessage, SendReceipt


@dataclass
class Outbox:
    """One provider: every message it got, in order. ``fail_with`` is raised instead of an answer."""

    name: str
    sent: list[OutboundMessage] = field(default_factory=list)
    refused: list[OutboundMessage] = field(default_factory=list)
    fail_with: Exception | None = None

    def take(self, message: OutboundMessage) -> SendReceipt:
        if isinstance(self.fail_with, DeliveryError):
            self.refused.append(message)
            raise self.fail_with
        # An unknown outcome: the provider may well have got it.
        self.sent.append(message)
        if self.fail_with is not None:
            raise self.fail_with
        return SendReceipt(f"{self.name}-{len(self.sent)}")

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.sent]

    def clear(self) -> None:
        self.sent.clear()
        self.refused.clear()
        self.fail_with = None

    @contextmanager
    def failing(self, *, permanent: bool = True, retry_after: float | None = None) -> Iterator[None]:
        """Refuse everything inside the block."""
        self.fail_with = DeliveryError(
            "The emulated provider refuses.", permanent=permanent, retry_after=retry_after
        )
        try:
            yield
        finally:
            self.fail_with = None

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Give no answer inside the block: the outcome is unknown."""
        self.fail_with = DeliveryUnknown("The emulated provider does not answer.")
        try:
            yield
        finally:
            self.fail_with = None


chat = Outbox("chat")
sms = Outbox("sms")
email = Outbox("email")


def clear_all() -> None:
    """Forget everything; call it before each test that sends."""
    for box in (chat, sms, email):
        box.clear()
