"""The incoming webhook of a workflow: find the contacts a document names and let them in, in one commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection, transaction

from contacts.selectors import NamedContact, contacts_by_identifier
from isflow.infra.faults import declare, fault_point
from isflow.kernel.actor import Actor
from workflows.contract import WebhookReading, WebhookTrigger
from workflows.engine.children import Start, Started, start_directly
from workflows.engine.clock import now
from workflows.engine.versions import definitions
from workflows.models import Workflow

declare("webhook.before_commit", "webhook.after_commit")

WEBHOOK_RECEIVED = "webhook_received"


# Written out, because every call asks this: the ORM takes ten times as long to say it.
_ADDRESS = """
SELECT w.id, w.workspace_id, w.status, w.published_id, owner.webhook_rate_limit
FROM workflows_workflow w JOIN workspaces_workspace owner ON owner.id = w.workspace_id
WHERE w.webhook_digest = %s AND owner.public_id = %s
"""


class Address(NamedTuple):
    """Where a webhook's address leads, and how many calls a second are welcome there."""

    workflow_id: int
    workspace_id: int
    status: str
    version_id: int | None
    rate_limit: int


@dataclass(frozen=True, slots=True)
class WebhookOutcome:
    """The answer for the caller: status code and body."""

    status: int
    body: Mapping[str, Any]


def webhook_address(*, workspace_public_id: str, digest: str) -> Address | None:
    """Look a secret address up, whatever workspace it is of; None if it is unknown."""
    with connection.cursor() as cursor:
        cursor.execute(_ADDRESS, [digest, workspace_public_id])
        row = cursor.fetchone()
    return Address(*row) if row else None


def workflow_trigger_by_webhook(*, address: Address, document: Any) -> WebhookOutcome:
    """Start the workflow for every contact the document names (at most ten, oldest first)."""
    version_id = address.version_id
    if address.status != Workflow.Status.PUBLISHED or version_id is None:
        return WebhookOutcome(409, {"error": "workflow_not_published"})
    definition = definitions([version_id]).get(version_id)
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
                workflow_id=address.workflow_id,
                version_id=version_id,
                definition=definition,
                contact_id=contact.pk,
                kind=WEBHOOK_RECEIVED,
                actor=Actor(source="api", name="webhook"),
                is_blocked=contact.is_blocked,
                variables=reading.variables,
            )
            for contact in contacts
        ]
        started = start_directly(starts, now(), workspace_id=address.workspace_id)
        fault_point("webhook.before_commit")
    fault_point("webhook.after_commit")
    return _answer(address, started, reading)


def _locked(reading: WebhookReading) -> list[NamedContact]:
    if reading.identifier is None or reading.identifier_kind not in ("id", "phone", "email"):
        return []
    kind = reading.identifier_kind
    return contacts_by_identifier(kind, reading.identifier, lock=True)  # type: ignore[arg-type]


def _answer(address: Address, started: list[Started], reading: WebhookReading) -> WebhookOutcome:
    runs = [row.run_id for row in started if row.run_id is not None]
    warnings = {"warnings": list(reading.notes)} if reading.notes else {}
    if not runs:
        return WebhookOutcome(200, {"status": "not_triggered", "reason": started[0].verdict, **warnings})
    return WebhookOutcome(
        200,
        {
            "status": "triggered",
            "workflow_id": address.workflow_id,
            "contacts": [row.contact_id for row in started if row.run_id is not None],
            "runs": runs,
            **warnings,
        },
    )
