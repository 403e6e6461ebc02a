"""The eleven written forms of a date that people may type."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Final

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LAST_YEAR_OF_2000S: Final = 69

DATE_FORMS: Final = (
    "MM/DD/YYYY",
    "YYYY/MM/DD",
    "MM/DD/YY",
    "MM-DD-YY",
    "MMM/DD/YYYY",
    "MMM-DD-YYYY",
    "MMM/DD/YY",
    "MMM-DD-YY",
    "MM/DD",
    "MM-DD-YYYY",
    "YYYY-MM-DD",
)

_PIECES: Final = {
    "YYYY": "(?P<year>[0-9]{4})",
    "YY": "(?P<short>[0-9]{2})",
    "MMM": "(?P<name>[a-z]{3})",
    "MM": "(?P<month>[0-9]{2})",
    "DD": "(?P<day>[0-9]{2})",
}
_PATTERNS: Final = tuple(
    re.compile(re.sub("YYYY|YY|MMM|MM|DD", lambda piece: _PIECES[piece[0]], form) + r"\Z", re.IGNORECASE)
    for form in DATE_FORMS
)


def parse_date(text: str, *, today: date | None = None) -> date | None:
    """Return the date a text means, None if it is no date; ``today`` gives the year to ``MM/DD``."""
    stripped = text.strip()
    for pattern in _PATTERNS:
        if match := pattern.match(stripped):
            return _date_of(match.groupdict(), today or datetime.now(tz=UTC).date())
    return None


def _date_of(pieces: dict[str, str], today: date) -> date | None:
    try:
        month = _MONTHS.index(pieces["name"].lower()) + 1 if "name" in pieces else int(pieces["month"])
        return date(_year_of(pieces, today), month, int(pieces["day"]))
    except ValueError:  # no such month or day
        return None


def _year_of(pieces: dict[str, str], today: date) -> int:
    if "year" in pieces:
        return int(pieces["year"])
    if "short" in pieces:
        short = int(pieces["short"])
        return 2000 + short if short <= _LAST_YEAR_OF_2000S else 1900 + short
    return today.year
