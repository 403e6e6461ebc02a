"""JSON keys such as ``$.data.contacts[1].firstName``: the part of JSONPath that yields one value at most.

Keys are data typed by people. Our own grammar decides what a key may say; jsonpath-ng reads the canonical
form, and only a plain chain of names and positions is accepted from there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from jsonpath_ng import Child, Fields, Index, Root
from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.parser import parse

MAX_KEY_LENGTH: Final = 500

Part = str | int

_TOKEN: Final = re.compile(
    r"""\.(?P<name>[^\s\x00-\x1f\x7f.\[\]'"`\\*?()@,:;$<>=!&|~]+)"""
    r"""|\[[ \t]*'(?P<single>(?:[^'\\\x00-\x1f]|\\['"\\])*)'[ \t]*\]"""
    r"""|\[[ \t]*"(?P<double>(?:[^"\\\x00-\x1f]|\\['"\\])*)"[ \t]*\]"""
    r"""|\[[ \t]*(?P<index>0|[1-9][0-9]{0,8})[ \t]*\]"""
)
_ESCAPED: Final = re.compile(r"""\\(['"\\])""")
_TO_ESCAPE: Final = re.compile(r"(['\\])")


class Missing(Enum):
    """The document has nothing at the key."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


class Kind(Enum):
    """What stands at a key; only scalars may become variables."""

    NULL = "null"
    SCALAR = "scalar"
    CONTAINER = "container"


@dataclass(frozen=True)
class Found:
    """The value at a key and what kind of value it is."""

    value: object
    kind: Kind

    @property
    def is_null(self) -> bool:
        """True for JSON null."""
        return self.kind is Kind.NULL

    @property
    def is_scalar(self) -> bool:
        """True for text, number, true and false."""
        return self.kind is Kind.SCALAR

    @property
    def is_container(self) -> bool:
        """True for an object or an array."""
        return self.kind is Kind.CONTAINER


@dataclass(frozen=True)
class JsonKey:
    """A parsed JSON key; two ways of writing the same key are equal."""

    parts: tuple[Part, ...]

    @classmethod
    def parse(cls, text: str) -> JsonKey:
        """Read a key as typed, with or without ``$.`` in front; raises ValueError with the reason."""
        return _parsed(text)

    @property
    def canonical(self) -> str:
        """The key in bracket form: ``$['data']['contacts'][1]``."""
        return _canonical(self.parts)

    def find(self, document: object) -> Found | Missing:
        """Return what the document has at the key, never raising; ``MISSING`` where there is nothing."""
        value = document
        for part in self.parts:
            if isinstance(part, str):
                if not isinstance(value, dict) or part not in value:
                    return MISSING
                value = value[part]
            else:
                if not isinstance(value, list) or part >= len(value):
                    return MISSING
                value = value[part]
        return Found(value, _kind(value))

    def __str__(self) -> str:
        return self.canonical


def _kind(value: object) -> Kind:
    if value is None:
        return Kind.NULL
    return Kind.SCALAR if isinstance(value, str | int | float) else Kind.CONTAINER


@lru_cache(maxsize=1024)
def _parsed(text: str) -> JsonKey:
    given = text.strip()
    if not given:
        raise ValueError("Enter a JSON key such as $.phone")
    if len(given) > MAX_KEY_LENGTH:
        raise ValueError(f"A JSON key has at most {MAX_KEY_LENGTH} characters")
    parts = _tokenise(_with_root(given))
    _confirm(parts)
    return JsonKey(parts)


def _with_root(given: str) -> str:
    if given.startswith("$"):
        return given
    return f"${given}" if given[0] in ".[" else f"$.{given}"


def _tokenise(path: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    position = 1
    while position < len(path):
        match = _TOKEN.match(path, position)
        if match is None:
            raise ValueError(
                f"The JSON key cannot be read from “{path[position : position + 20]}” on. "
                "Write names as .name or ['name'] and positions as [0]; wildcards and filters are refused."
            )
        parts.append(_part(match))
        position = match.end()
    if not parts:
        raise ValueError("The JSON key must name something below $")
    return tuple(parts)


def _part(match: re.Match[str]) -> Part:
    if match["index"] is not None:
        return int(match["index"])
    if match["name"] is not None:
        return match["name"]
    quoted = match["double"] if match["single"] is None else match["single"]
    return _ESCAPED.sub(r"\1", quoted)


def _canonical(parts: tuple[Part, ...]) -> str:
    return "$" + "".join(
        f"[{part}]" if isinstance(part, int) else "['" + _TO_ESCAPE.sub(r"\\\1", part) + "']"
        for part in parts
    )


def _confirm(parts: tuple[Part, ...]) -> None:
    """Let jsonpath-ng read the canonical form; raise ValueError unless it sees the very same chain."""
    refused = "The JSON key must be a plain chain of names and positions"
    try:
        node = parse(_canonical(parts))
    except JSONPathError as error:
        raise ValueError(refused) from error
    seen: list[Part] = []
    while isinstance(node, Child):
        seen.append(_single(node.right, refused))
        node = node.left
    if not isinstance(node, Root) or tuple(reversed(seen)) != parts:
        raise ValueError(refused)


def _single(node: object, refused: str) -> Part:
    if isinstance(node, Fields) and len(node.fields) == 1:
        return str(node.fields[0])
    if isinstance(node, Index) and len(node.indices) == 1 and node.indices[0] >= 0:
        return int(node.indices[0])
    raise ValueError(refused)
