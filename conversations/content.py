"""What a message carries besides its text, and how it lies in the ``content`` column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from channels_app.contract import Attachment, InboundMessage, Option


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


def preview(text: str, kind: str, content: Mapping[str, Any]) -> str:
    """Return one short line that stands for a message: its text, else its file's name, else its kind."""
    line = " ".join(text.split())
    if not line:
        files = content.get("attachments") or [{}]
        line = content.get("subject") or files[0].get("name") or f"[{kind}]"
    return line[:200]
