"""Where providers call: prove it, store it, say thanks. Everything else happens in a worker."""

from __future__ import annotations

import re
from typing import Final

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from channels_app.connections import ChannelBrokenError, Connection, connection_of
from channels_app.contract import SignatureError
from channels_app.selectors import channel_by_token
from channels_app.services import delivery_store
from isflow.workspaces.guards import public_view

MAX_BODY: Final = 1_000_000
"""Bytes of one call."""

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
log = structlog.get_logger(__name__)


@public_view("providers call it; the token in the address and the call's signature are its guards")
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def channel_hook(request: HttpRequest, token: str) -> HttpResponse:
    """Take a provider's call: 200 once it is stored, 401 without proof, 404 for an unknown address."""
    channel = channel_by_token(token)
    if channel is None:
        return HttpResponse(status=404)
    try:
        connection = connection_of(channel)
    except ChannelBrokenError as error:
        # The provider should ask again when somebody has repaired the settings.
        log.warning("channel.broken", channel=channel.pk, error=str(error))
        return HttpResponse(status=503)
    if request.method != "POST":
        return _challenge(request, connection)
    if _announced_length(request) > MAX_BODY:
        return HttpResponse(status=413)
    body = request.body
    if len(body) > MAX_BODY:
        return HttpResponse(status=413)
    try:
        connection.adapter.verify(request.headers, body, connection.config)
    except SignatureError:
        log.warning("channel.signature_refused", channel=channel.pk)
        return HttpResponse(status=401)
    delivery_store(channel=channel, body=body)
    return HttpResponse(status=200)


def _challenge(request: HttpRequest, connection: Connection) -> HttpResponse:
    """Answer a set-up question, repeating nothing that could be markup."""
    answer = connection.adapter.challenge(request.GET.dict(), connection.config)
    if answer is None or not _CHALLENGE.fullmatch(answer):
        return HttpResponse(status=403)
    return HttpResponse(answer, content_type="text/plain")


def _announced_length(request: HttpRequest) -> int:
    text = str(request.META.get("CONTENT_LENGTH") or "0")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < len(str(2**63)) else 0
