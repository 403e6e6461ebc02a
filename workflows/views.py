"""The address of an incoming webhook: read, refuse clearly or start. No session, no template."""

from __future__ import annotations

import json
import re
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from isflow.infra.caches import uses
from isflow.kernel.ids import token_digest
from isflow.workspaces.guards import public_view
from isflow.workspaces.scope import workspace_scope
from workflows.services.webhook import webhook_address, workflow_trigger_by_webhook

MAX_BODY = 256 * 1024
MAX_DEPTH = 32

_PUBLIC_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


class _BadBody(Exception):  # noqa: N818 - carries the answer
    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


@csrf_exempt
@public_view("other systems call it; the address is the secret")
def workflow_webhook(request: HttpRequest, workspace: str, token: str) -> JsonResponse:
    """Answer as documented in docs/api.md: 200, 400, 404, 405, 409, 413, 415, 422 or 429."""
    if request.method != "POST":
        return _error(405, "method_not_allowed", Allow="POST")
    known = _PUBLIC_ID.fullmatch(workspace) is not None
    address = webhook_address(workspace_public_id=workspace, digest=token_digest(token)) if known else None
    if address is None:
        return _error(404, "unknown_webhook")
    if uses(f"webhook:{address.workflow_id}", seconds=1) > address.rate_limit:
        return _error(429, "rate_limited", **{"Retry-After": "1"})
    try:
        document = _document(request)
    except _BadBody as bad:
        return _error(bad.status, bad.error)
    with workspace_scope(address.workspace_id):
        outcome = workflow_trigger_by_webhook(address=address, document=document)
    return JsonResponse(dict(outcome.body), status=outcome.status)


def _document(request: HttpRequest) -> Any:
    kind = (request.content_type or "").lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise _BadBody(415, "unsupported_media_type")
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY:
        raise _BadBody(413, "body_too_large")
    body = request.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise _BadBody(413, "body_too_large")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _BadBody(400, "invalid_json") from error
    if not isinstance(document, dict | list) or _depth(document) > MAX_DEPTH:
        raise _BadBody(400, "invalid_json")
    # Only an escape brings characters in that no database stores.
    return _storable(document) if b"\\u" in body else document


def _storable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _storable(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_storable(child) for child in value]
    return _NOT_STORABLE.sub("\ufffd", value) if isinstance(value, str) else value


def _depth(document: Any) -> int:
    depth, level = 0, [document]
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
    return depth


def _error(status: int, error: str, **headers: str) -> JsonResponse:
    return JsonResponse({"error": error}, status=status, headers=headers)
