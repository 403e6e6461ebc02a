"""One field of the contact gets another value."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from isflow.kernel.values import Scalar
from workflows.contract import (
    Emission,
    EventView,
    FieldRef,
    Mismatch,
    Output,
    TriggerConfig,
    TriggerType,
    trigger_types,
)


class ContactFieldUpdatedConfig(TriggerConfig):
    """Settings of Contact field updated."""

    field: FieldRef = Field(title="Contact field", description="Field whose change starts the workflow")


@trigger_types.register("contact_field_updated")
class ContactFieldUpdated(TriggerType[ContactFieldUpdatedConfig]):
    label = "Contact field updated"
    description = "Starts when a field of the contact changes."
    icon = "square-pen"
    summary = "{field.label}"
    config_class = ContactFieldUpdatedConfig
    event_kind = "contact_field_updated"

    def match(self, event: EventView, config: ContactFieldUpdatedConfig) -> Mismatch | None:
        changed = event.payload.get("field")
        return None if changed == config.field.slug else Mismatch(0, f"It was the field {changed}")

    def variables(self, event: EventView, config: ContactFieldUpdatedConfig) -> Mapping[str, Scalar]:
        return {
            "trigger.field": event.payload.get("field"),
            "trigger.old_value": event.payload.get("old_value"),
            "trigger.new_value": event.payload.get("new_value"),
            "trigger.changed_by_source": event.source or None,
        }

    def outputs(self, config: ContactFieldUpdatedConfig) -> tuple[Output, ...]:
        return (
            Output("trigger.field", "Field"),
            Output("trigger.old_value", "Old value"),
            Output("trigger.new_value", "New value"),
            Output("trigger.changed_by_source", "Who changed it"),
        )

    def admits(self, emission: Emission, config: ContactFieldUpdatedConfig) -> bool:
        return emission.kind == self.event_kind and emission.facts.get("field") in (None, config.field.slug)
