"""Which web pages may open our sockets: exact origins, everything else is turned away."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

# The widget's socket proves itself by token and the channel's own list of origins.
EXEMPT_PATHS = ("/ws/widget/",)
POLICY_VIOLATION = 1008
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


class OriginValidator:
    """ASGI middleware that denies WebSocket handshakes from foreign pages."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.allowed = allowed_origins(
            [settings.PUBLIC_URL, *settings.CSRF_TRUSTED_ORIGINS, *settings.ISFLOW_SOCKET_ORIGINS]
        )

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        """Pass the handshake on, or close it before it is accepted."""
        if scope["path"].startswith(EXEMPT_PATHS) or origin_allowed(_header(scope), self.allowed):
            return await self.application(scope, receive, send)
        return await send({"type": "websocket.close", "code": POLICY_VIOLATION})


def _header(scope: dict[str, Any]) -> str | None:
    values = [value for name, value in scope.get("headers", ()) if name == b"origin"]
    if len(values) != 1:
        return None
    try:
        return str(values[0].decode("ascii"))
    except UnicodeDecodeError:
        return None
