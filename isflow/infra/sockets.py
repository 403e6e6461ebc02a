"""Which web pages may open our sockets: those of exactly known origins."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from isflow.infra.origins import allowed_origins, origin_allowed

# The widget's socket proves itself by token and the channel's own list of origins.
EXEMPT_PATHS = ("/ws/widget/",)
POLICY_VIOLATION = 1008


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
