"""The incoming webhook of a workflow: find the contacts a document names and let them in, in one commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from contacts.models import Contact
from contacts.selectors import contacts_by_identifier
from isflow.infra.faults import declare, fault_point
from isflow.kernel.actor import Actor
from workflows.contract import WebhookReading, WebhookTrigger
from workflows.engine.children import Start, Started, start_directly
from workflows.engine.clock import now
from workflows.engine.versions import definitions
from workflows.models import Workflow

declare("webhook.before_commit", "webhook.after_commit")

WEBHOOK_RECEIVED = "webhook_received"


@dataclass(frozen=True, slots=True)
class WebhookOutcome:
    """The answer for the caller: status code and body."""

    status: int
    body: Mapping[str, Any]


def workflow_trigger_by_webhook(*, workflow: Workflow, document: Any) -> WebhookOutcome:
    """Start the workflow for every contact the document names (at most ten, oldest first)."""
    if not workflow.is_published or workflow.published_id is None:
        return WebhookOutcome(409, {"error": "workflow_not_published"})
    definition = definitions([workflow.published_id]).get(workflow.published_id)
    if definition is None or not isinstance(definition.trigger, WebhookTrigger):
        return WebhookOutcome(409, {"error": "workflow_has_no_webhook"})
    reading = definition.trigger.read(document, definition.trigger_config)
    if reading.identifier is None:
        return WebhookOutcome(422, {"error": "identifier_missing", "path": reading.path})
    with transaction.atomic():
        contacts = _locked(reading)
        if not contacts:
            return WebhookOutcome(404, {"error": "contact_not_found"})
        starts = [
            Start(
                workflow_id=workflow.pk,
                version_id=workflow.published_id,
                definition=definition,
                contact_id=contact.pk,
                kind=WEBHOOK_RECEIVED,
                actor=Actor(source="api", name="webhook"),
                is_blocked=contact.is_blocked,
                variables=reading.variables,
            )
            for contact in contacts
        ]
        started = start_directly(starts, now(), workspace_id=workflow.workspace_id)
        fault_point("webhook.before_commit")
    fault_point("webhook.after_commit")
    return _answer(workflow, started, reading)


def _locked(reading: WebhookReading) -> list[Contact]:
    if reading.identifier is None or reading.identifier_kind not in ("id", "phone", "email"):
        return []
    kind = reading.identifier_kind
    return contacts_by_identifier(kind, reading.identifier, lock=True)  # type: ignore[arg-type]


def _answer(workflow: Workflow, started: list[Started], reading: WebhookReading) -> WebhookOutcome:
    runs = [row.run_id for row in started if row.run_id is not None]
    warnings = {"warnings": list(reading.notes)} if reading.notes else {}
    if not runs:
        return WebhookOutcome(200, {"status": "not_triggered", "reason": started[0].verdict, **warnings})
    return WebhookOutcome(
        200,
        {
            "status": "triggered",
            "workflow_id": workflow.pk,
            "contacts": [row.contact_id for row in started if row.run_id is not None],
            "runs": runs,
            **warnings,
        },
    )


def workflow_by_webhook(*, workspace_public_id: str, digest: str) -> Workflow | None:
    """The workflow whose address this is; call with the wall lifted."""
    found = Workflow.objects.select_related("workspace").filter(
        webhook_digest=digest, workspace__public_id=workspace_public_id
    )
    return found.defer("draft", "webhook_token").first()
