"""Changing workflows: draft, publish, stop, clone, delete; starting them from outside."""

from __future__ import annotations

from workflows.services.run import run_stop
from workflows.services.webhook import WebhookOutcome, workflow_trigger_by_webhook
from workflows.services.workflow import (
    InvalidDefinition,
    workflow_check,
    workflow_clone,
    workflow_create,
    workflow_delete,
    workflow_publish,
    workflow_regenerate_webhook,
    workflow_save,
    workflow_stop,
)

__all__ = [
    "InvalidDefinition",
    "WebhookOutcome",
    "run_stop",
    "workflow_check",
    "workflow_clone",
    "workflow_create",
    "workflow_delete",
    "workflow_publish",
    "workflow_regenerate_webhook",
    "workflow_save",
    "workflow_stop",
    "workflow_trigger_by_webhook",
]
