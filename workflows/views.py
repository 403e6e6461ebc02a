"""The address of an incoming webhook: read, refuse clearly or start. No session, no template."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from isflow.infra.caches import uses
from isflow.kernel.ids import token_digest
from isflow.workspaces.guards import public_view
from isflow.workspaces.scope import all_workspaces, workspace_scope
from workflows.models import Workflow
from workflows.services.webhook import workflow_by_webhook, workflow_trigger_by_webhook

MAX_BODY = 256 * 1024
MAX_DEPTH = 32


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
    with all_workspaces():
        workflow = workflow_by_webhook(workspace_public_id=workspace, digest=token_digest(token))
    if workflow is None:
        return _error(404, "unknown_webhook")
    if _is_too_often(workflow):
        return _error(429, "rate_limited", **{"Retry-After": "1"})
    try:
        document = _document(request)
    except _BadBody as bad:
        return _error(bad.status, bad.error)
    with workspace_scope(workflow.workspace_id):
        outcome = workflow_trigger_by_webhook(workflow=workflow, document=document)
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
    return document


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


def _is_too_often(workflow: Workflow) -> bool:
    """Count calls per second in the cache; a cache that forgets lets a few more through, no harm."""
    return uses(f"webhook:{workflow.pk}", seconds=1) > workflow.workspace.webhook_rate_limit


def _error(status: int, error: str, **headers: str) -> JsonResponse:
    return JsonResponse({"error": error}, status=status, headers=headers)
