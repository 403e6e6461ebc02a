"""Identifiers: secret tokens and their digests, effect keys, slugs of names."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Collection
from typing import Final

MAX_SLUG_LENGTH: Final = 50

_NOT_WORD = re.compile(r"[^a-z0-9]+")


def new_token(nbytes: int = 24) -> str:
    """Return an unguessable token of ``nbytes`` random bytes, safe in a URL."""
    return secrets.token_urlsafe(nbytes)


def token_digest(token: str) -> str:
    """Return the SHA-256 of a token in hex: what is stored to look it up."""
    return hashlib.sha256(token.encode()).hexdigest()


def effect_key(run_id: int | str, seq: int) -> str:
    """Return the key under which one visit of a run acts on the outside world at most once."""
    return f"run:{run_id}:{seq}"


def slugify_name(text: str, taken: Collection[str] = ()) -> str:
    """Return a field's slug: lower case, without accents, unlike all taken ones, at most 50 characters."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    slug = _NOT_WORD.sub("_", plain.casefold()).strip("_") or "field"
    if slug[0].isdigit():  # a variable name begins with a letter: $5 is money
        slug = f"f_{slug}"
    slug = slug[:MAX_SLUG_LENGTH].rstrip("_")
    candidate, number = slug, 1
    while candidate in taken:
        number += 1
        suffix = f"_{number}"
        candidate = slug[: MAX_SLUG_LENGTH - len(suffix)].rstrip("_") + suffix
    return candidate
