"""One strict content security policy for our pages, a laxer one for the themed admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

ADMIN = "/admin/"
BUILDER = "/builder"


def is_lax_path(path: str) -> bool:
    """Whether a page uses the admin theme; the builder lives under the admin but brings own, strict pages."""
    return path.startswith(ADMIN) and BUILDER not in path


class PathCSPMiddleware(CSPMiddleware):
    """django-csp with ``settings.ISFLOW_ADMIN_CSP`` in force on admin pages."""

    def get_policy_parts(
        self,
        request: HttpRequest,
        response: HttpResponseBase,
        report_only: bool = False,  # noqa: FBT001, FBT002 - its signature
    ) -> PolicyParts:
        """Take the view's own policy, and on admin pages loosen what the theme needs."""
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only and is_lax_path(request.path_info):
            parts.replace = {**settings.ISFLOW_ADMIN_CSP, **(parts.replace or {})}
        return parts
