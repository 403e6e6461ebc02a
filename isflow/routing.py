"""WebSocket routes, gathered from the apps."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

_MODULES = ("isflow.workspaces.routing", "conversations.routing")

websocket_urlpatterns: list[Any] = [
    pattern for name in _MODULES if find_spec(name) for pattern in import_module(name).websocket_urlpatterns
]
