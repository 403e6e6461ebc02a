"""Addresses of the channels; full paths."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from channels_app.views import channel_hook

urlpatterns: list[URLPattern | URLResolver] = [
    path("hooks/channel/<str:token>/", channel_hook, name="channel_hook"),
]
