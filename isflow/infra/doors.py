"""The addresses that machines call, many times a second: they pass by what pages need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.urls import resolve

DOORS: Final = "/hooks/"
"""Everything below is called by other systems: no session, no language, no form, no browser."""


class MachineDoorMiddleware:
    """Calls a view of a door without the middleware that stands below this one.

    A door's view finds neither ``request.user`` nor ``request.session``, and streams nothing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(DOORS):
            return self._get_response(request)
        request.resolver_match = match = resolve(request.path_info)
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        # Without a length the answer would go out in chunks, which some callers do not read.
        response.setdefault("Content-Length", str(len(response.content)))
        return response
