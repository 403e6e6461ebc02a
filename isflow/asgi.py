"""ASGI entry point: pages over HTTP, live updates over WebSockets from our own pages."""

from __future__ import annotations

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "isflow.settings.prod")

http = get_asgi_application()

from isflow.infra.origins import OriginValidator  # noqa: E402 - consumers need the apps to be loaded
from isflow.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {"http": http, "websocket": OriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))}
)
