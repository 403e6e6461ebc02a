"""What runs learn of a conversation from the events of its opening and closing, under stable names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from isflow.kernel.values import Scalar
from workflows.contract.step import Emission, Output
from workflows.contract.trigger import EventView
from workflows.contract.variables import DATETIME_FORMAT

_OPENING: tuple[tuple[str, str, str], ...] = (
    ("id", "Conversation id", "number"),
    ("first_incoming_message", "First incoming message", "text"),
    ("first_incoming_message_type", "Type of the first incoming message", "text"),
    ("first_incoming_message_channel", "Channel of the first incoming message", "text"),
    ("first_incoming_message_channel_id", "Channel id of the first incoming message", "number"),
    ("opened_by_source", "Opened by (source)", "text"),
    ("opened_by_user", "Opened by (name)", "text"),
    ("opened_by_user_id", "Opened by (user id)", "number"),
    ("opened_by_user_email", "Opened by (email)", "text"),
    ("opened_at", "Opened at", "moment"),
    ("ad_id", "Ad id", "text"),
    ("ad_title", "Ad title", "text"),
    ("ad_url", "Ad address", "text"),
)
_CLOSING: tuple[tuple[str, str, str], ...] = (
    ("category", "Closing note category", "text"),
    ("summary", "Closing note summary", "text"),
    ("closed_at", "Closed at", "moment"),
    ("closed_by_source", "Closed by (source)", "text"),
    ("closed_by_user", "Closed by (name)", "text"),
    ("closed_by_user_id", "Closed by (user id)", "number"),
    ("closed_by_user_email", "Closed by (email)", "text"),
    ("closed_by_team", "Closed by (team)", "text"),
    ("first_response_time", "First response time", "duration"),
    ("resolution_time", "Resolution time", "duration"),
    ("incoming_message_count", "Number of incoming messages", "number"),
    ("outgoing_message_count", "Number of outgoing messages", "number"),
    ("assignee", "Assignee", "text"),
    ("assignee_team", "Team of the assignee", "text"),
    ("last_assignment_at", "Last assigned at", "moment"),
)
_KEYS: Mapping[str, tuple[str, ...]] = {
    "id": ("conversation_id",),
    "opened_by_source": ("opened_by_source", "source"),
    "closed_by_source": ("closed_by_source", "source"),
    "first_incoming_message_channel": ("first_incoming_message_channel", "channel"),
    "first_incoming_message_channel_id": ("first_incoming_message_channel_id", "channel_id"),
}
"""Where the event says it under another name; the first key it has counts."""


def opening_variables(event: EventView) -> dict[str, Scalar]:
    """The variables of an opened conversation, by full name."""
    return _variables(event, _OPENING)


def opening_outputs() -> tuple[Output, ...]:
    """Their names and labels."""
    return _outputs(_OPENING)


def closing_variables(event: EventView) -> dict[str, Scalar]:
    """The variables of a closed conversation; durations as ``hh:mm:ss``, with ``_seconds`` as numbers."""
    # The source of this event is whoever closed; it says nothing of the opening.
    opening = [row for row in _OPENING if row[0] != "opened_by_source"]
    opened_by = {"conversation.opened_by_source": event.payload.get("opened_by_source")}
    return _variables(event, opening) | opened_by | _variables(event, _CLOSING)


def closing_outputs() -> tuple[Output, ...]:
    """Their names and labels."""
    return _outputs((*_OPENING, *_CLOSING))


def emitted_facts(emission: Emission) -> dict[str, str | None]:
    """The facts of an emission as conditions compare them."""
    return {name: None if value is None else str(value) for name, value in emission.facts.items()}


def _variables(event: EventView, rows: Iterable[tuple[str, str, str]]) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {}
    for name, _, kind in rows:
        value = _value(event, name)
        if kind == "duration":
            found[f"conversation.{name}"] = _clock(value)
            found[f"conversation.{name}_seconds"] = value
        else:
            found[f"conversation.{name}"] = _moment(value, event.zone) if kind == "moment" else value
    return found


def _outputs(rows: Iterable[tuple[str, str, str]]) -> tuple[Output, ...]:
    outputs: list[Output] = []
    for name, label, kind in rows:
        outputs.append(Output(f"conversation.{name}", label, "number" if kind == "number" else "text"))
        if kind == "duration":
            outputs.append(Output(f"conversation.{name}_seconds", f"{label} in seconds", "number"))
    return tuple(outputs)


def _value(event: EventView, name: str) -> Scalar:
    keys = _KEYS.get(name, (name,))
    value = next((event.payload[key] for key in keys if key in event.payload), None)
    return value if isinstance(value, str | int | float) else None


def _clock(value: Scalar) -> Scalar:
    if not isinstance(value, int | float):
        return None
    minutes, seconds = divmod(int(value), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"


def _moment(value: Scalar, zone: ZoneInfo) -> Scalar:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at.astimezone(zone).strftime(DATETIME_FORMAT)
