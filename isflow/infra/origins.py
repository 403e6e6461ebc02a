"""Origins of web pages, read exactly: scheme, host and port. Plain Python."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


def parse_origin(text: str) -> Origin | None:
    """Read ``scheme://host[:port]`` into (scheme, host, port); None for anything that is not exactly that."""
    try:
        parts = urlsplit(text)
        port = parts.port
        host = parts.hostname
    except ValueError:
        return None
    plain = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in DEFAULT_PORTS or not host or not plain or not text.isascii():
        return None
    written = f"{parts.scheme}://{parts.netloc}"
    if written.lower() != text.lower() or any(char.isspace() or char in "@\\" for char in text):
        return None
    return parts.scheme, host, DEFAULT_PORTS[parts.scheme] if port is None else port


def allowed_origins(texts: Iterable[str]) -> frozenset[Origin]:
    """Parse a list of origins, dropping what cannot be parsed."""
    return frozenset(origin for text in texts if (origin := parse_origin(text)) is not None)


def origin_allowed(text: str | None, allowed: frozenset[Origin]) -> bool:
    """Whether an Origin header names one of the allowed origins; a missing or broken one does not."""
    return text is not None and (origin := parse_origin(text)) is not None and origin in allowed
