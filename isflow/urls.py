"""The URL map: one include per app; each app's urls.py holds full paths."""

from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from isflow.infra import health, metrics
from isflow.workspaces.guards import public_view

supervised = public_view("supervisors have no login, and learn only whether we are well")
by_token = public_view("supervisors have no login; a token, or being on this machine, is asked for inside")

_APPS = ("isflow.workspaces", "channels_app", "contacts", "conversations", "workflows")

urlpatterns: list[URLPattern | URLResolver] = [
    path("health/live", supervised(health.live), name="health-live"),
    path("health/ready", supervised(health.ready), name="health-ready"),
    path("health/deep", by_token(health.deep), name="health-deep"),
    path("metrics", by_token(metrics.metrics), name="metrics"),
    path("accounts/", include("allauth.urls")),
    *(path("", include(f"{app}.urls")) for app in _APPS if find_spec(f"{app}.urls")),
    path("admin/", admin.site.urls),
]
