"""No event starts this workflow, only the step Trigger another workflow of another one."""

from __future__ import annotations

from collections.abc import Mapping

from isflow.kernel.values import Scalar
from workflows.contract import (
    Emission,
    EventView,
    Mismatch,
    Output,
    TriggerConfig,
    TriggerType,
    trigger_types,
)


class ManualConfig(TriggerConfig):
    """The manual trigger has nothing to set."""


@trigger_types.register("manual")
class Manual(TriggerType[ManualConfig]):
    label = "Manual trigger"
    description = "Starts when another workflow sends the contact here."
    icon = "hand"
    config_class = ManualConfig

    def match(self, event: EventView, config: ManualConfig) -> Mismatch | None:
        return None

    def variables(self, event: EventView, config: ManualConfig) -> Mapping[str, Scalar]:
        return {
            "trigger.parent_workflow": event.payload.get("parent_workflow"),
            "trigger.parent_run_id": event.payload.get("parent_run_id"),
        }

    def outputs(self, config: ManualConfig) -> tuple[Output, ...]:
        return (
            Output("trigger.parent_workflow", "Workflow that sent the contact here"),
            Output("trigger.parent_run_id", "Its run", "number"),
        )

    def admits(self, emission: Emission, config: ManualConfig) -> bool:
        return False
