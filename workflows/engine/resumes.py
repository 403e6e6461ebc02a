"""What wakes a waiting run, as stored in the wait's row."""

from __future__ import annotations

from typing import Any

from workflows.contract import Delivered, DeliveryFailed, Reply, Resume, TimedOut


def encode(resume: Resume) -> dict[str, Any]:
    """Plain JSON for the row."""
    match resume:
        case Reply():
            location = list(resume.location) if resume.location else None
            return {
                "type": "reply",
                "text": resume.text,
                "payload": resume.payload,
                "kind": resume.kind,
                "message_id": resume.message_id,
                "location": location,
            }
        case Delivered():
            return {"type": "delivered", "status": resume.status}
        case DeliveryFailed():
            return {"type": "delivery_failed", "error": resume.error}
        case TimedOut():
            return {"type": "timed_out"}


def decode(stored: dict[str, Any]) -> Resume:
    """The resume that ``encode`` stored."""
    match stored["type"]:
        case "reply":
            place = stored["location"]
            return Reply(
                text=stored["text"],
                payload=stored["payload"],
                kind=stored["kind"],
                message_id=stored["message_id"],
                location=(place[0], place[1]) if place else None,
            )
        case "delivered":
            return Delivered(stored["status"])
        case "delivery_failed":
            return DeliveryFailed(stored["error"])
        case _:
            return TimedOut()
