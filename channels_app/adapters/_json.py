"""Reading JSON that strangers wrote: total functions from bytes to plain values."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, Final

MAX_RAW: Final = 300
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def load_object(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object in a body; None for anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def text_at(holder: Any, name: str, limit: int = 10_000) -> str:
    """Return a text of an object without what a database cannot store; empty if it is none."""
    value = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(value, str):
        return ""
    return _UNSTORABLE.sub("", value)[:limit]


def id_at(holder: Any, name: str) -> str:
    """Return an id, which may be written as a text or a whole number; empty if it is neither."""
    value = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return str(value)
    return text_at(holder, name).strip()


def moment_at(holder: Any, name: str) -> datetime | None:
    """Return a time written as milliseconds since 1970; None if it is missing or absurd."""
    value = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def number_at(holder: Any, name: str, limit: float) -> float | None:
    """Return a number between -limit and +limit, or None."""
    value = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -limit <= value <= limit else None


def raw_of(value: Any) -> str:
    """Return a short text that shows an operator what could not be read."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else json.dumps(value, default=str)
    return _UNSTORABLE.sub("", text)[:MAX_RAW]
