"""Who may read figures about the installation: whoever holds the token, or this machine if there is none."""

from __future__ import annotations

from hmac import compare_digest
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse

# A proxy on this machine speaks for strangers; these betray it.
_PROXIED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")


def refusal(request: HttpRequest) -> HttpResponse | None:
    """Return the answer for somebody who may not know; None for those who may."""
    token: str = settings.ISFLOW_METRICS_TOKEN
    if token:
        given = request.headers.get("Authorization", "")
        if compare_digest(given.encode("utf-8", "replace"), f"Bearer {token}".encode()):
            return None
        return HttpResponse(
            "A token is needed.\n",
            status=401,
            content_type="text/plain",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if _is_local(request):
        return None
    return HttpResponse(
        "Set ISFLOW_METRICS_TOKEN to read this from elsewhere.\n", status=403, content_type="text/plain"
    )


def _is_local(request: HttpRequest) -> bool:
    """Whether a program on this machine asks directly."""
    if settings.ISFLOW_BEHIND_PROXY or any(name in request.META for name in _PROXIED):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
