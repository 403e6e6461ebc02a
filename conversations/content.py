"""What a message carries besides its text, and how it lies in the ``content`` column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from channels_app.contract import Attachment, InboundMessage, Option
from isflow.kernel.ids import token_digest

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_MAX_ID: Final = 200


@dataclass(frozen=True, slots=True)
class MessageContent:
    """Choices, files, e-mail parts, a place, the id of a pressed choice; empty parts are not stored."""

    options: tuple[Option, ...] = ()
    options_title: str = ""
    attachments: tuple[Attachment, ...] = ()
    subject: str = ""
    html: str = ""
    thread_key: str = ""
    payload: str = ""
    location: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the plain JSON form without empty parts."""
        parts: dict[str, Any] = {
            "options": [{"id": option.id, "label": option.label} for option in self.options],
            "options_title": self.options_title,
            "attachments": [
                {"kind": file.kind, "url": file.url, "name": file.name, "mime": file.mime}
                for file in self.attachments
            ],
            "subject": self.subject,
            "html": self.html,
            "thread_key": self.thread_key,
            "payload": self.payload,
            "location": list(self.location) if self.location else None,
        }
        return {name: value for name, value in parts.items() if value}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> MessageContent:
        """Read the stored form; unknown parts are ignored, missing ones empty."""
        location = stored.get("location")
        return cls(
            options=tuple(Option(id=one["id"], label=one["label"]) for one in stored.get("options", ())),
            options_title=stored.get("options_title", ""),
            attachments=tuple(
                Attachment(
                    kind=one["kind"], url=one["url"], name=one.get("name", ""), mime=one.get("mime", "")
                )
                for one in stored.get("attachments", ())
            ),
            subject=stored.get("subject", ""),
            html=stored.get("html", ""),
            thread_key=stored.get("thread_key", ""),
            payload=stored.get("payload", ""),
            location=(float(location[0]), float(location[1])) if location else None,
        )

    @classmethod
    def of_inbound(cls, item: InboundMessage) -> MessageContent:
        """Take over what a contact sent."""
        return cls(attachments=item.attachments, payload=item.payload, location=item.location)


def storable(text: str) -> str:
    """Return the text without what no database keeps: NUL and halves of characters."""
    return _UNSTORABLE.sub("", text)


def stored_id(external_id: str) -> str:
    """Return a provider's id as it is stored: a digest where it is too long."""
    plain = storable(external_id)
    return plain if len(plain) <= _MAX_ID else token_digest(plain)


def storable_item(item: InboundMessage) -> InboundMessage:
    """Return a delivered message in which every text can be stored."""
    return replace(
        item,
        external_id=stored_id(item.external_id),
        sender=storable(item.sender),
        sender_name=storable(item.sender_name),
        kind=storable(item.kind),
        text=storable(item.text),
        payload=storable(item.payload),
        attachments=tuple(
            Attachment(*(storable(part) for part in (one.kind, one.url, one.name, one.mime)))
            for one in item.attachments
        ),
        referral={storable(k): storable(str(v)) for k, v in item.referral.items()} if item.referral else None,
    )


def preview(text: str, kind: str, content: Mapping[str, Any]) -> str:
    """Return one short line that stands for a message: its text, else its file's name, else its kind."""
    line = " ".join(text.split())
    if not line:
        files = content.get("attachments") or [{}]
        line = content.get("subject") or files[0].get("name") or f"[{kind}]"
    return line[:200]
