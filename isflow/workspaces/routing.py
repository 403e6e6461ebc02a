"""Sockets of signed-in people."""

from __future__ import annotations

from django.urls import path

from isflow.workspaces.consumers import LiveConsumer

websocket_urlpatterns = [path("ws/w/<slug:slug>/live/", LiveConsumer.as_asgi())]
