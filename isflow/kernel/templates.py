"""Variables in text: ``$contact.firstname``, ``$contact.firstname|there``, ``{{$system.timestamp}}``, ``$$``.

One pass over the author's text. Values are data: put in, escaped for their place, and never read again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import quote

DEFAULT_LIMIT: Final = 100_000
MAX_NAME_LENGTH: Final = 30
RESERVED_NAMES: Final = frozenset(
    {
        "contact",
        "assignee",
        "conversation",
        "system",
        "workflow",
        "trigger",
        "webhook",
        "clicktochat",
        "ad",
        "ai",
        "channel",
        "message",
        "participant",
        "user",
    }
)


class Unknown(Enum):
    """The answer of a lookup that does not know a name, unlike a known name that is empty."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN

Lookup = str | None | Unknown


@dataclass(frozen=True)
class Reference:
    """A place in a template that names a variable; ``name`` is in lower case as far as the dots reach."""

    name: str
    fallback: str | None
    start: int
    end: int
    in_braces: bool = False

    @property
    def candidates(self) -> tuple[str, ...]:
        """The names this place may mean, longest first: text may go on behind a name after a dot."""
        if self.in_braces:
            return (self.name,)
        parts = self.name.split(".")
        return tuple(".".join(parts[:count]) for count in range(len(parts), 0, -1))


# At most eight parts: the text behind a name must not make the search for the longest known one slow.
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*){0,7}"
_FALLBACK: Final = r'\|(?:"(?P<{0}quoted>[^"\r\n]*)"|(?P<{0}word>[\w-]+))'
_TOKEN: Final = re.compile(
    r"(?P<dollars>\$\$)"
    rf"|\{{\{{[ \t]*\$(?P<braced>{_NAME})(?:{_FALLBACK.format('braced_')})?[ \t]*\}}\}}"
    rf"|\$(?P<name>{_NAME})(?:{_FALLBACK.format('')})?"
)
_VARIABLE_NAME: Final = re.compile(r"[a-z][a-z0-9_]*\Z")
_BLANKS: Final = re.compile(r"\s+")
_HEADER_BREAKERS: Final = re.compile(r"[\r\n\0]")


def identity(text: str) -> str:
    """Return the text as it is: the escaper of plain messages."""
    return text


def escape_json_string(text: str) -> str:
    """Return the text as it must stand between the quotes of a JSON string."""
    return json.dumps(text)[1:-1]


def escape_url(text: str) -> str:
    """Return the text percent-encoded, so that it cannot change the structure of a URL."""
    return quote(text, safe="", errors="replace")


def escape_header(text: str) -> str:
    """Return the text without the characters that would begin a new header line."""
    return _HEADER_BREAKERS.sub("", text)


def render(
    template: str,
    lookup: Callable[[str], Lookup],
    *,
    escape: Callable[[str], str] = identity,
    limit: int = DEFAULT_LIMIT,
) -> str:
    """Put values into a template and cut the result at ``limit`` characters.

    ``lookup`` gets a lower-case dotted name. An empty value prints the fallback or nothing; an unknown name
    stays as typed. Values and fallbacks are escaped, the author's text is not.
    """
    pieces: list[str] = []
    size = position = 0
    for match in _TOKEN.finditer(template):
        piece = template[position : match.start()] + _replacement(match, lookup, escape)
        pieces.append(piece)
        size += len(piece)
        position = match.end()
        if size >= limit:
            break
    else:
        pieces.append(template[position:])
    return "".join(pieces)[: max(limit, 0)]


def names(template: str) -> list[Reference]:
    """Return every place of a template that names a variable, in order, whether it is known or not."""
    return [_reference(match) for match in _TOKEN.finditer(template) if not match["dollars"]]


def valid_variable_name(name: str) -> str:
    """Return the stored form of a name a person gives to a variable; raises ValueError with the reason."""
    stored = _BLANKS.sub("_", name.strip()).lower()
    if not stored:
        raise ValueError("Enter a name")
    if len(stored) > MAX_NAME_LENGTH:
        raise ValueError(f"A variable name has at most {MAX_NAME_LENGTH} characters")
    if not _VARIABLE_NAME.match(stored):
        raise ValueError("A variable name begins with a letter, then letters a-z, digits and _ follow")
    if stored in RESERVED_NAMES:
        raise ValueError(f"The name “{stored}” is used by isflow itself")
    return stored


def _reference(match: re.Match[str]) -> Reference:
    braced = match["braced"] is not None
    prefix = "braced_" if braced else ""
    quoted, word = match[f"{prefix}quoted"], match[f"{prefix}word"]
    return Reference(
        name=(match["braced"] if braced else match["name"]).lower(),
        fallback=word if quoted is None else quoted,
        start=match.start(),
        end=match.end(),
        in_braces=braced,
    )


def _replacement(match: re.Match[str], lookup: Callable[[str], Lookup], escape: Callable[[str], str]) -> str:
    if match["dollars"]:
        return "$"
    reference = _reference(match)
    for name in reference.candidates:
        value = lookup(name)
        if isinstance(value, Unknown):
            continue
        whole = name == reference.name
        fallback = (reference.fallback or "") if whole else ""
        # Behind a shorter name everything is text again, the fallback included.
        rest = "" if whole else match[0][1 + len(name) :]
        return escape(value or fallback) + rest
    return match[0]
