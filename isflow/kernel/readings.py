"""Reading loosely typed values for comparison: words, numbers, moments, times of day, lengths of time.

Every function is total: what cannot be read is None or empty.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from isflow.kernel.countries import country_code
from isflow.kernel.dates import parse_date
from isflow.kernel.languages import language_code
from isflow.kernel.values import FALSE_WORDS, TRUE_WORDS, parse_number

_SECONDS: Final[Mapping[str, int]] = {
    "second": 1,
    "minute": 60,
    "hour": 3_600,
    "day": 86_400,
    "week": 604_800,
}
_DURATION: Final = re.compile(
    r"\s*(?P<amount>\d{1,9}(?:[.,]\d{1,9})?)\s*(?P<unit>[a-z]*)\s*\Z", re.IGNORECASE
)
_CLOCK: Final = re.compile(r"\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?\s*\Z")
_ISO_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}")
_LISTED: Final = re.compile(r"[,;\n]")
_NOT_DIGIT: Final = re.compile(r"[^0-9]")


def is_blank(value: object) -> bool:
    """Tell whether a value counts as null: None, blank text, an empty collection."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, list | tuple | set | frozenset | dict) and not value)


def items(value: object) -> list[object]:
    """Return the members of a collection; a single value is its own only member."""
    if isinstance(value, list | tuple | set | frozenset):
        return [item for item in value if not is_blank(item)]
    return [] if is_blank(value) else [value]


def word(value: object, kind: str = "text") -> str:
    """Return a value as text for comparison: trimmed, case folded, one form per accent; or its code."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value).strip()
    if kind == "phone":
        digits = _NOT_DIGIT.sub("", text)
        return digits.removeprefix("00") or text.casefold()
    if kind == "country":
        text = country_code(text) or text
    elif kind == "language":
        text = language_code(text) or text
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def words(value: object, kind: str = "text") -> frozenset[str]:
    """Return the members of a value as texts for comparison."""
    return frozenset(word(item, kind) for item in items(value)) - {""}


def choices(value: object, kind: str = "text") -> frozenset[str]:
    """Return what a condition offers to choose from; a single text may be a list with commas."""
    if not isinstance(value, str):
        return words(value, kind)
    return words([value, *_LISTED.split(value)], kind)


def truth(value: object) -> bool | None:
    """Return true or false for a bool and for words such as yes, off, open."""
    text = word(value)
    if text in TRUE_WORDS or text == "open":
        return True
    return False if text in FALSE_WORDS or text == "closed" else None


def number(value: object) -> Decimal | None:
    """Return a value as a number; a truth value is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else None
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    return parse_number(value) if isinstance(value, str) else None


def moment(value: object, now: datetime) -> datetime | date | None:
    """Return a moment in the zone of ``now``, or a date where the value has no time of day."""
    if isinstance(value, str):
        return _moment_of_text(value.strip(), now)
    if isinstance(value, datetime):
        return value.replace(tzinfo=now.tzinfo) if value.tzinfo is None else value.astimezone(now.tzinfo)
    return value if isinstance(value, date) else None


def day(value: datetime | date) -> date:
    """Return the calendar day of a moment."""
    return value.date() if isinstance(value, datetime) else value


def clock(value: object) -> int | None:
    """Return a time of day in seconds since midnight."""
    if isinstance(value, datetime):
        value = value.time()
    if isinstance(value, time):
        return value.hour * 3_600 + value.minute * 60 + value.second
    match = _CLOCK.match(value) if isinstance(value, str) else None
    if match is None:
        return None
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    return hour * 3_600 + minute * 60 + second if hour < 24 and minute < 60 and second < 60 else None  # noqa: PLR2004


def duration(value: object) -> timedelta | None:
    """Return a length of time: seconds, “15 minutes”, ``{"amount": 15, "unit": "minutes"}`` or hh:mm:ss."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, Mapping):
        value = f"{value.get('amount', value.get('value'))} {value.get('unit', 'seconds')}"
    if isinstance(value, str):
        return _duration_of_text(value)
    seconds = number(value)
    return None if seconds is None else _delta(seconds)


def pair(value: object) -> tuple[object, object] | None:
    """Return the two bounds of a range: a list of two or a mapping with from / to or min / max."""
    if isinstance(value, list | tuple):
        return (value[0], value[1]) if len(value) == 2 else None  # noqa: PLR2004
    if isinstance(value, Mapping):
        low, high = _first(value, ("from", "min")), _first(value, ("to", "max"))
        return (low, high) if low is not None and high is not None else None
    return None


def _first(value: Mapping[object, object], keys: Iterable[str]) -> object:
    return next((value[key] for key in keys if key in value), None)


def _moment_of_text(text: str, now: datetime) -> datetime | date | None:
    if _ISO_MOMENT.match(text):
        try:
            return moment(datetime.fromisoformat(text), now)
        except (ValueError, OverflowError):
            return None
    return parse_date(text, today=now.date())


def _duration_of_text(text: str) -> timedelta | None:
    match = _DURATION.match(text)
    if match is None:
        pieces = [number(piece) for piece in text.split(":")]
        if len(pieces) != 3 or None in pieces:  # noqa: PLR2004
            return None
        return _delta(
            sum((Decimal(piece or 0) * 60 ** (2 - n) for n, piece in enumerate(pieces)), Decimal(0))
        )
    amount, unit = number(match["amount"]), match["unit"].lower().removesuffix("s") or "second"
    seconds = _SECONDS.get(unit)
    return None if amount is None or seconds is None else _delta(amount * seconds)


def _delta(seconds: Decimal) -> timedelta | None:
    try:
        return timedelta(seconds=float(seconds))
    except (OverflowError, ValueError):
        return None
