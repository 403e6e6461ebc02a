"""Conditions over values: one set of operators for Branch, triggers, segments and instant rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from isflow.kernel import readings


class Operator(StrEnum):
    """How a subject is compared with a value; the keys are stored and never renamed."""

    EQ = "eq"
    NE = "ne"
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    STARTS_WITH = "starts_with"
    ANY_OF = "any_of"
    ALL_OF = "all_of"
    NONE_OF = "none_of"
    EXISTS = "exists"
    NOT_EXISTS = "not_exists"
    GT = "gt"
    LT = "lt"
    BETWEEN = "between"
    BEFORE = "before"
    AFTER = "after"
    WITHIN_LAST = "within_last"
    MORE_THAN_AGO = "more_than_ago"


OPERATOR_LABELS: Final[Mapping[Operator, str]] = {
    Operator.EQ: "is equal to",
    Operator.NE: "is not equal to",
    Operator.CONTAINS: "contains",
    Operator.NOT_CONTAINS: "does not contain",
    Operator.STARTS_WITH: "starts with",
    Operator.ANY_OF: "has any of",
    Operator.ALL_OF: "has all of",
    Operator.NONE_OF: "has none of",
    Operator.EXISTS: "exists",
    Operator.NOT_EXISTS: "does not exist",
    Operator.GT: "is greater than",
    Operator.LT: "is less than",
    Operator.BETWEEN: "is between",
    Operator.BEFORE: "is before",
    Operator.AFTER: "is after",
    Operator.WITHIN_LAST: "is within the last",
    Operator.MORE_THAN_AGO: "is more than … ago",
}

_O = Operator
_EQUALITY: Final = (_O.EQ, _O.NE)
_PRESENCE: Final = (_O.EXISTS, _O.NOT_EXISTS)
_SEARCH: Final = (_O.CONTAINS, _O.NOT_CONTAINS, _O.STARTS_WITH)
_CHOICE: Final = (_O.ANY_OF, _O.NONE_OF)
_SIZE: Final = (_O.GT, _O.LT, _O.BETWEEN)
_ORDER: Final = (_O.BEFORE, _O.AFTER, _O.BETWEEN)
_AGE: Final = (_O.WITHIN_LAST, _O.MORE_THAN_AGO)
_TEXT: Final = (*_EQUALITY, *_SEARCH, *_CHOICE, *_PRESENCE)
_CODED: Final = (*_EQUALITY, *_CHOICE, *_PRESENCE)

OPERATORS: Final[Mapping[str, tuple[Operator, ...]]] = {
    "text": _TEXT,
    "email": _TEXT,
    "phone": _TEXT,
    "url": _TEXT,
    "number": (*_EQUALITY, *_SIZE, *_PRESENCE),
    "date": (_O.EQ, *_ORDER, *_AGE, *_PRESENCE),
    "time": (_O.EQ, *_ORDER, *_PRESENCE),
    "list": _CODED,
    "checkbox": _EQUALITY,
    "country": _CODED,
    "language": _CODED,
    "tags": (_O.ANY_OF, _O.ALL_OF, _O.NONE_OF, *_PRESENCE),
    "user": (*_EQUALITY, *_PRESENCE),
    "channel": _CODED,
    "presence": (*_EQUALITY, *_PRESENCE),
    "message": (*_EQUALITY, *_SEARCH, _O.ANY_OF, *_PRESENCE),
    "duration": _SIZE,
    "variable": (*_TEXT, *_SIZE, _O.BEFORE, _O.AFTER, *_AGE),
}

# What a subject without a value satisfies; every other operator is then false.
_TRUE_OF_NOTHING: Final = frozenset({_O.NE, _O.NOT_CONTAINS, _O.NONE_OF, _O.NOT_EXISTS})

# Below U+0E00 words stand apart from each other; from Thai on many scripts write them together.
_FIRST_WITHOUT_BLANKS: Final = "\u0e00"

_SIGNS: Final[Mapping[Operator, tuple[int, ...]]] = {
    _O.EQ: (0,),
    _O.NE: (-1, 1),
    _O.GT: (1,),
    _O.AFTER: (1,),
    _O.LT: (-1,),
    _O.BEFORE: (-1,),
}

_Reader = Callable[[object], Any]


def evaluate(  # noqa: PLR0913 - a condition, its subject and the clock it is read by
    kind: str, operator: str, subject: object, value: object, *, now: datetime, tz: ZoneInfo
) -> bool:
    """Tell whether a condition holds; never raises, and what makes no sense for the kind is false.

    Text is compared trimmed, in any case; dates in the zone ``tz``; ranges include their bounds.
    Subject and value may be collections, such as the id and the email of a user: one in common is enough.
    """
    try:
        chosen = Operator(operator)
        if chosen not in OPERATORS.get(kind, ()):
            return False
        if readings.is_blank(subject):
            return chosen in _TRUE_OF_NOTHING
        if chosen in _PRESENCE:
            return chosen is _O.EXISTS
        return _compare(kind, chosen, subject, value, now.astimezone(tz))
    except (ValueError, TypeError, ArithmeticError, RecursionError):
        return False


def _compare(kind: str, operator: Operator, subject: object, value: object, now: datetime) -> bool:
    def moments(item: object) -> Any:
        return readings.moment(item, now)

    readers: dict[str, _Reader] = {
        "number": readings.number,
        "duration": readings.duration,
        "date": moments,
    }
    if operator in _AGE:
        return _aged(operator, moments(subject), readings.duration(value), now)
    if kind in readers:
        return _ordered(operator, subject, value, readers[kind])
    if kind == "time":
        return _time_of_day(operator, subject, value)
    if kind == "checkbox":
        return _same_truth(operator, subject, value)
    if kind == "variable":
        return _variable(operator, subject, value, moments)
    return _worded(kind, operator, subject, value)


def _variable(operator: Operator, subject: object, value: object, moments: _Reader) -> bool:
    """Compare a value of no known kind: as what both sides can be read as."""
    if operator in {_O.BEFORE, _O.AFTER}:
        return _ordered(operator, subject, value, moments)
    numeric = _readable(operator, subject, value, readings.number)
    if operator in _SIZE:
        return _ordered(operator, subject, value, readings.number if numeric else moments)
    if operator in _EQUALITY:
        if isinstance(subject, bool) or isinstance(value, bool):
            return _same_truth(operator, subject, value)
        if numeric:
            return _ordered(operator, subject, value, readings.number)
    return _worded("variable", operator, subject, value)


def _readable(operator: Operator, subject: object, value: object, read: _Reader) -> bool:
    bounds = readings.pair(value) if operator is _O.BETWEEN else (value,)
    return bounds is not None and all(read(item) is not None for item in (subject, *bounds))


def _ordered(operator: Operator, subject: object, value: object, read: _Reader) -> bool:
    if not _readable(operator, subject, value, read):
        return False
    left = read(subject)
    if operator is _O.BETWEEN:
        low, high = readings.pair(value) or (None, None)
        return _order(left, read(low)) >= 0 and _order(left, read(high)) <= 0
    return _order(left, read(value)) in _SIGNS.get(operator, ())


def _order(left: Any, right: Any) -> int:
    """Return -1, 0 or 1; a moment and a date are compared by their days."""
    if isinstance(left, datetime) and isinstance(right, datetime):
        # In one zone Python compares the faces of the clock, which are wrong in the hour summer time ends.
        left, right = left.astimezone(UTC), right.astimezone(UTC)
    elif isinstance(left, date) and isinstance(right, date):
        left, right = readings.day(left), readings.day(right)
    return int(left > right) - int(left < right)


def _time_of_day(operator: Operator, subject: object, value: object) -> bool:
    bounds = readings.pair(value) if operator is _O.BETWEEN else None
    if bounds is not None:
        at, low, high = (readings.clock(item) for item in (subject, *bounds))
        if at is not None and low is not None and high is not None and low > high:
            return at >= low or at <= high  # over midnight
    return _ordered(operator, subject, value, readings.clock)


def _aged(operator: Operator, at: datetime | date | None, span: timedelta | None, now: datetime) -> bool:
    if at is None or span is None:
        return False
    start = (now.astimezone(UTC) - span).astimezone(now.tzinfo)
    recent = _order(at, start) >= 0
    return recent and _order(at, now) <= 0 if operator is _O.WITHIN_LAST else not recent


def _same_truth(operator: Operator, subject: object, value: object) -> bool:
    left, right = readings.truth(subject), readings.truth(value)
    if left is None or right is None:
        return operator is _O.NE
    return (left is right) is (operator is _O.EQ)


def _worded(kind: str, operator: Operator, subject: object, value: object) -> bool:
    left, right = readings.words(subject, kind), readings.words(value, kind)
    if operator is _O.STARTS_WITH:
        return any(text.startswith(start) for text in left for start in right)
    if operator is _O.ALL_OF:
        return bool(right) and right <= left
    if operator in {_O.CONTAINS, _O.NOT_CONTAINS}:
        return _some(left, right, str.__contains__) is (operator is _O.CONTAINS)
    if operator in _EQUALITY:
        return bool(left & right) is (operator is _O.EQ)
    offered = readings.choices(value, kind)
    hit = _some(left, offered, _says) if kind == "message" else bool(left & offered)
    return hit is (operator is _O.ANY_OF)


def _some(texts: frozenset[str], parts: frozenset[str], test: Callable[[str, str], bool]) -> bool:
    return any(test(text, part) for text in texts for part in parts)


def _says(text: str, said: str) -> bool:
    """Tell whether a message says a word or phrase, not merely a part of a longer word."""
    before = r"(?<!\w)" if said[0] < _FIRST_WITHOUT_BLANKS else ""
    after = r"(?!\w)" if said[-1] < _FIRST_WITHOUT_BLANKS else ""
    return re.search(before + re.escape(said) + after, text) is not None
