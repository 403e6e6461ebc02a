"""The visitor's socket."""

from __future__ import annotations

from django.urls import path

from conversations.widget.consumers import WidgetConsumer

websocket_urlpatterns = [path("ws/widget/<str:token>/", WidgetConsumer.as_asgi())]
