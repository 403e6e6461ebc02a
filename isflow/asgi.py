"""ASGI entry point: pages over HTTP, live updates over WebSockets from our own pages."""

from __future__ import annotations

import os

import django
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "isflow.settings.prod")
django.setup(set_prefix=False)

from isflow.infra.handler import ThreadedASGIHandler  # noqa: E402 - all this needs the apps to be loaded
from isflow.infra.sockets import OriginValidator  # noqa: E402
from isflow.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": ThreadedASGIHandler(),
        "websocket": OriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
