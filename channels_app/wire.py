"""The outside world as adapters get it: guarded HTTP whose failures say whether anything was sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

from django.utils import timezone

from channels_app.contract import AdapterIO, DeliveryError, DeliveryUnknown, HttpReply
from isflow.infra.http import HttpAnswer, HttpRefused, HttpRequest, HttpUnknown, HttpUnreachable, send

MAX_RETRY_AFTER: Final = 3_600.0
DEFAULT_RETRY_AFTER: Final = 2.0
"""Seconds a provider is left alone that is too busy and does not say for how long."""
_OK, _REDIRECT, _TIMEOUT, _TOO_EARLY, _TOO_MANY, _SERVER = 200, 300, 408, 425, 429, 500
_MAX_ERROR: Final = 300


def adapter_io() -> AdapterIO:
    """Return the bundle handed to ``ChannelAdapter.send``."""
    return AdapterIO(post_json=post_json)


def post_json(url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> HttpReply:
    """Post JSON; return the reply if it is a success.

    Raises DeliveryError if the message was surely not taken (refused connection, 4xx, 429 with its wait) and
    DeliveryUnknown if it may have been (no answer, 5xx, anything odd).
    """
    wire = (("Content-Type", "application/json"), *headers.items())
    request = HttpRequest(
        "POST",
        url,
        headers=wire,
        body=json.dumps(body, ensure_ascii=False).encode(errors="replace"),
        secret_headers=frozenset(name.lower() for name in headers),
    )
    try:
        answer = send(request)
    except HttpUnreachable as error:
        text = f"The provider cannot be reached: {error.reason}."
        raise DeliveryError(text, permanent=False, unreached=True) from error
    except HttpRefused as error:
        raise DeliveryError(f"The provider cannot be reached: {error.reason}.", permanent=False) from error
    except HttpUnknown as error:
        raise DeliveryUnknown(f"The provider did not answer: {error.reason}.") from error
    return _judged(answer)


def error_text(body: bytes) -> str:
    """Return what a provider says went wrong, from the usual places of its JSON; empty if it says nothing."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    for name in ("error", "message", "description", "detail"):
        inner = found.get(name) if isinstance(found, dict) else None
        if isinstance(inner, dict):
            inner = inner.get("message")
        if isinstance(inner, str) and inner.strip():
            return inner.strip()[:_MAX_ERROR]
    return ""


def _judged(answer: HttpAnswer) -> HttpReply:
    status = answer.status
    if _OK <= status < _REDIRECT:
        return HttpReply(status, answer.body, {name.lower(): value for name, value in answer.headers})
    said = error_text(answer.body)
    message = f"The provider answered {status}" + (f": {said}" if said else ".")
    if status == _TOO_MANY:
        raise DeliveryError(message, permanent=False, retry_after=_retry_after(answer))
    if _REDIRECT <= status < _SERVER and status not in {_TIMEOUT, _TOO_EARLY}:
        raise DeliveryError(message, permanent=True)
    raise DeliveryUnknown(message)


def _retry_after(answer: HttpAnswer) -> float:
    """Return the seconds the provider asks us to wait: written as a number or as a date, or else our own."""
    text = next((value for name, value in answer.headers if name.lower() == "retry-after"), "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:10]), MAX_RETRY_AFTER)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        return DEFAULT_RETRY_AFTER
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - timezone.now()).total_seconds(), DEFAULT_RETRY_AFTER), MAX_RETRY_AFTER)
