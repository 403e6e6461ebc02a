"""What the emulated channels share: a secret header, a plain JSON list of items."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from pydantic import SecretStr

from channels_app.contract import (
    AdapterConfig,
    AdapterIO,
    Attachment,
    ChannelAdapter,
    InboundItem,
    InboundMessage,
    InboundStatus,
    OutboundMessage,
    SendReceipt,
    SignatureError,
    Unparsed,
)
from tests.emulated.outbox import Outbox

SECRET = "emulated-secret"
HEADER = "X-Emulated-Secret"


class EmulatedConfig(AdapterConfig):
    secret: SecretStr = SecretStr(SECRET)


class EmulatedAdapter(ChannelAdapter[EmulatedConfig]):
    """Understands ``[{"id", "from", "text", "at", ...}, {"id", "status", "at"}]``."""

    config_class = EmulatedConfig
    outbox: ClassVar[Outbox]

    def verify(self, headers: Mapping[str, str], body: bytes, config: EmulatedConfig) -> None:
        given = headers.get(HEADER, "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, config.secret.get_secret_value().encode()):
            raise SignatureError

    def challenge(self, query: Mapping[str, str], config: EmulatedConfig) -> str | None:
        fits = query.get("verify_token") == config.secret.get_secret_value()
        return query.get("challenge") if fits else None

    def parse(self, body: bytes, config: EmulatedConfig) -> Iterator[InboundItem]:
        try:
            entries = json.loads(body)
        except (ValueError, RecursionError):
            yield Unparsed("not JSON", body[:100].decode("utf-8", "replace"))
            return
        for entry in entries if isinstance(entries, list) else [entries]:
            try:
                yield _item(entry)
            except (KeyError, TypeError, ValueError) as error:
                yield Unparsed(f"bad item ({type(error).__name__})", str(entry)[:100])

    def send(self, message: OutboundMessage, config: EmulatedConfig, io: AdapterIO) -> SendReceipt:
        return self.outbox.take(message)


def _item(entry: dict[str, Any]) -> InboundItem:
    at = datetime.fromisoformat(entry["at"])
    if "status" in entry:
        return InboundStatus(entry["id"], entry["status"], at, entry.get("error", ""))
    return InboundMessage(
        external_id=entry["id"],
        sender=entry["from"],
        sent_at=at,
        kind=entry.get("kind", "text"),
        text=entry.get("text", ""),
        payload=entry.get("payload", ""),
        attachments=tuple(Attachment(**one) for one in entry.get("attachments", ())),
        sender_name=entry.get("name", ""),
        referral=entry.get("referral"),
        echo=entry.get("echo", False),
    )
