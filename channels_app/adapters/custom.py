"""Custom channel: any system that speaks plain JSON over HTTP, with a bearer token in each direction."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import Field, SecretStr, field_validator

from channels_app.adapters._json import id_at, load_object, moment_at, number_at, raw_of, text_at
from channels_app.contract import (
    AdapterConfig,
    AdapterIO,
    Attachment,
    Capabilities,
    ChannelAdapter,
    DeliveryUnknown,
    InboundItem,
    InboundMessage,
    InboundStatus,
    OutboundMessage,
    SendReceipt,
    SignatureError,
    Unparsed,
    adapters,
)

MAX_ID: Final = 50
MAX_EVENTS: Final = 500
_MIN_TOKEN: Final = 16
_ADDRESS: Final = re.compile(r"[A-Za-z0-9_=+/@.\-]{1,50}")
_PHONE: Final = re.compile(r"\+[0-9 ().\-]{6,30}")
_STATUSES: Final = frozenset({"sent", "delivered", "read", "failed"})
_MEDIA: Final = frozenset({"image", "audio", "video", "file"})


class CustomConfig(AdapterConfig):
    channel_id: str = Field(default="", max_length=MAX_ID, description="Name of this account in every call")
    incoming_token: SecretStr = Field(
        description="Bearer token of calls that reach isflow, 16 characters or more"
    )
    previous_incoming_token: SecretStr | None = Field(
        default=None, description="Token still accepted while it is being replaced"
    )
    outgoing_url: str = Field(max_length=2048, description="Address to which messages are posted")
    outgoing_token: SecretStr = Field(description="Bearer token sent with every message")

    @field_validator("incoming_token", "previous_incoming_token")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < _MIN_TOKEN:
            raise ValueError("A token has at least 16 characters")
        return value

    @field_validator("outgoing_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("Write an address that begins with https://")
        return value


@adapters.register("custom")
class CustomAdapter(ChannelAdapter[CustomConfig]):
    label = "Custom channel"
    config_class = CustomConfig
    capabilities = Capabilities(
        max_buttons=10, media_kinds=_MEDIA, has_location=True, starts_conversations=True
    )

    def verify(self, headers: Mapping[str, str], body: bytes, config: CustomConfig) -> None:
        scheme, _, given = str(headers.get("Authorization", "")).partition(" ")
        accepted = [
            secret.get_secret_value()
            for secret in (config.incoming_token, config.previous_incoming_token)
            if secret is not None
        ]
        proof = given.strip().encode("utf-8", "replace")
        matches = [hmac.compare_digest(proof, token.encode("utf-8", "replace")) for token in accepted]
        if scheme.lower() != "bearer" or not any(matches):
            raise SignatureError

    def parse(self, body: bytes, config: CustomConfig) -> Iterator[InboundItem]:
        call = load_object(body)
        events = call.get("events") if call else None
        if call is None or not isinstance(events, list):
            yield Unparsed("Not an object with a list of events", raw_of(body))
            return
        sender = self.normalise_address(id_at(call, "contactId"))
        if not _ADDRESS.fullmatch(sender):
            yield Unparsed("The contactId is missing or not allowed", raw_of(call.get("contactId")))
            return
        if config.channel_id and id_at(call, "channelId") != config.channel_id:
            yield Unparsed("The channelId is that of another channel", raw_of(call.get("channelId")))
            return
        for event in events[:MAX_EVENTS]:
            yield _item(event, sender, _name_of(call))
        if len(events) > MAX_EVENTS:
            yield Unparsed(f"More than {MAX_EVENTS} events in one call", raw_of(len(events)))

    def normalise_address(self, address: str) -> str:
        address = address.strip()
        return re.sub(r"[^+0-9]", "", address) if _PHONE.fullmatch(address) else address

    def send(self, message: OutboundMessage, config: CustomConfig, io: AdapterIO) -> SendReceipt:
        body = {
            "channelId": config.channel_id,
            "contactId": message.recipient,
            "message": _wire_message(message),
        }
        headers = {
            "Authorization": f"Bearer {config.outgoing_token.get_secret_value()}",
            "Idempotency-Key": message.key,
        }
        reply = load_object(io.post_json(config.outgoing_url, body, headers).body)
        external_id = id_at(reply, "mId")[:MAX_ID]
        if not external_id:
            raise DeliveryUnknown("The system answered without a message id (mId).")
        return SendReceipt(external_id)


def _item(event: Any, sender: str, sender_name: str) -> InboundItem:
    """Read one event; whatever is wrong with it harms no other."""
    kind, external_id, at = text_at(event, "type"), id_at(event, "mId"), moment_at(event, "timestamp")
    if not 0 < len(external_id) <= MAX_ID:
        return Unparsed("The mId is missing or longer than 50 characters", raw_of(event))
    if at is None:
        return Unparsed("The timestamp (in milliseconds) is missing", raw_of(event))
    if kind == "message_status":
        status, error = _status(event)
        if status not in _STATUSES:
            return Unparsed("The status is none of sent, delivered, read, failed", raw_of(event))
        return InboundStatus(external_id, status, at, error)
    content = _content(event.get("message")) if kind in {"message", "message_echo"} else None
    if content is None:
        return Unparsed("The event's type or its message cannot be read", raw_of(event))
    return InboundMessage(
        external_id, sender, at, sender_name=sender_name, echo=kind == "message_echo", **content
    )


def _content(message: Any) -> dict[str, Any] | None:
    """Return the parts of a message, or None if it has none that we understand."""
    kind = text_at(message, "type")
    if kind == "attachment":
        file = message.get("attachment")
        url = text_at(file, "url", 2048)
        if not url.startswith(("https://", "http://")):
            return None
        named = text_at(file, "type")
        media = named if named in _MEDIA else "file"
        attachment = Attachment(media, url, text_at(file, "fileName", 200), text_at(file, "mimeType", 100))
        return {"kind": media, "text": text_at(message, "text"), "attachments": (attachment,)}
    if kind == "location":
        latitude, longitude = number_at(message, "latitude", 90), number_at(message, "longitude", 180)
        if latitude is None or longitude is None:
            return None
        return {"kind": "location", "text": text_at(message, "address"), "location": (latitude, longitude)}
    text = text_at(message, "text")
    if not text.strip():
        return None
    return {"text": text, "payload": text_at(message, "payload", 200)}


def _status(event: dict[str, Any]) -> tuple[str, str]:
    status = event.get("status")
    if isinstance(status, dict):
        return text_at(status, "value"), text_at(status, "message", 500)
    return text_at(event, "status"), text_at(event, "error", 500)


def _name_of(call: dict[str, Any]) -> str:
    contact = call.get("contact")
    first, last = text_at(contact, "firstName", 100), text_at(contact, "lastName", 100)
    return f"{first} {last}".strip()


def _wire_message(message: OutboundMessage) -> dict[str, Any]:
    """Return a message as the other system reads it."""
    if message.attachments:
        files = [
            {"type": file.kind, "url": file.url, "fileName": file.name, "mimeType": file.mime}
            for file in message.attachments
        ]
        return {"type": "attachment", "attachment": files[0], "attachments": files, "text": message.text}
    if message.options:
        replies = [{"payload": option.id, "title": option.label} for option in message.options]
        return {"type": "quick_reply", "title": message.text, "replies": replies}
    return {"type": "text", "text": message.text}
