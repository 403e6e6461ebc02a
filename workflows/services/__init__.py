"""Changing workflows: draft, publish, stop, clone, delete; starting them from outside; helping stuck runs."""

from __future__ import annotations

from workflows.services.attention import (
    call_acknowledge,
    run_continue,
    run_give_up,
    unknown_send_again,
)
from workflows.services.run import run_stop
from workflows.services.timers import timer_cancel, timer_fire, timer_postpone
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
    "call_acknowledge",
    "run_continue",
    "run_give_up",
    "run_stop",
    "timer_cancel",
    "timer_fire",
    "timer_postpone",
    "unknown_send_again",
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
