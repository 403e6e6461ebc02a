"""The catalogue: everything builder, API and documentation must know of the installed types, as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from isflow.kernel.forms import form_schema
from workflows.contract import StepType, TriggerType, question_types, step_types, trigger_types
from workflows.contract.variables import ASSIGNEE_NAMES, CONTACT_NAMES, SYSTEM_NAMES, WORKFLOW_NAMES
from workflows.definition.migrations import FORMAT
from workflows.definition.schema import MAX_NAME, MAX_STEPS


def catalogue() -> dict[str, Any]:
    """All step types, triggers, question types and standing variables."""
    return {
        "format": FORMAT,
        "limits": {"steps": MAX_STEPS, "name": MAX_NAME},
        "steps": {key: _step(cls()) for key, cls in step_types.items()},
        "triggers": {key: _trigger(cls()) for key, cls in trigger_types.items()},
        "questions": {key: _question(cls) for key, cls in question_types.items()},
        "variables": {
            "contact": sorted(CONTACT_NAMES),
            "assignee": sorted(ASSIGNEE_NAMES),
            "system": sorted(SYSTEM_NAMES),
            "workflow": sorted(WORKFLOW_NAMES),
        },
    }


def _step(kind: StepType[Any]) -> dict[str, Any]:
    return {
        "label": str(kind.label),
        "description": str(kind.description),
        "icon": kind.icon,
        "group": kind.group,
        "summary": kind.summary,
        "schema": form_schema(kind.config_class),
        "outlets": [asdict(rule) for rule in kind.outlet_rules],
    }


def _trigger(kind: TriggerType[Any]) -> dict[str, Any]:
    return {
        "label": str(kind.label),
        "description": str(kind.description),
        "icon": kind.icon,
        "summary": kind.summary,
        "event_kind": kind.event_kind,
        "schema": form_schema(kind.config_class),
    }


def _question(kind: type[Any]) -> dict[str, Any]:
    return {
        "label": str(kind.label),
        "fits": sorted(kind.fits),
        "takes_options": kind.takes_options,
        "takes_range": kind.takes_range,
        "saves_tag": kind.saves_tag,
    }


def outputs_of(kind: StepType[Any] | TriggerType[Any], config: Any) -> list[dict[str, str]]:
    """The variables that a step or trigger with these settings offers to the steps behind it."""
    return [asdict(output) for output in kind.outputs(config)]
