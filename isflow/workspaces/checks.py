"""System checks: every view and every socket says who may use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from django.core.checks import CheckMessage, Error, Tags, register
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string

EXEMPT_NAMESPACES: Final = frozenset({"admin"})
"""Their views are guarded as a whole by the admin site."""
SOCKET_ROUTES: Final = "isflow.routing.websocket_urlpatterns"
EXEMPT_MODULES: Final = (
    "django.",
    "allauth.",
    "unfold.",
    "rest_framework.",
    "drf_spectacular.",
    "whitenoise.",
)


def register_checks() -> None:
    """Make Django run these checks at start."""
    register(check_views, Tags.urls)
    register(check_sockets, Tags.urls)


def check_views(app_configs: object = None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django's shape
    """Find views that nobody has given a guard."""
    return [
        _undeclared(route, view)
        for route, view in views_of(get_resolver().url_patterns)
        if not _is_exempt(view) and not access_of(view)
    ]


def check_sockets(app_configs: object = None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    """Find socket consumers that nobody has given a guard."""
    patterns = import_string(SOCKET_ROUTES)
    return [
        _undeclared(str(pattern.pattern), pattern.callback)
        for pattern in patterns
        if not access_of(pattern.callback)
    ]


def views_of(patterns: Sequence[Any], prefix: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    """Walk a URLconf; yield route and view."""
    for entry in patterns:
        route = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLPattern):
            yield route, entry.callback
        elif isinstance(entry, URLResolver) and entry.namespace not in EXEMPT_NAMESPACES:
            yield from views_of(entry.url_patterns, route)


def access_of(view: Any) -> str:
    """Return what a view or consumer declares, itself or on its class; empty if nothing."""
    holders = (view, *(getattr(view, name, None) for name in ("cls", "view_class", "consumer_class")))
    return next((text for holder in holders if (text := getattr(holder, "declared_access", ""))), "")


def _is_exempt(view: Any) -> bool:
    return f"{view.__module__}.".startswith(EXEMPT_MODULES)


def _undeclared(route: str, view: Any) -> Error:
    return Error(
        f"“{route}” ({view.__module__}.{getattr(view, '__qualname__', view)}) does not say who may open it.",
        hint="Use a decorator of isflow.workspaces.guards, or set declared_access.",
        id="isflow.E010",
    )
