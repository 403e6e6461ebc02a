"""A tag is added to the contact, or removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from isflow.kernel.values import Scalar
from workflows.contract import (
    Emission,
    EventView,
    Mismatch,
    Output,
    TagRef,
    TriggerConfig,
    TriggerType,
    trigger_types,
)


class ContactTagUpdatedConfig(TriggerConfig):
    """Settings of Contact tag updated."""

    action: Literal["add", "remove"] = Field(default="add", description="Whether a tag is added or removed")
    tags: tuple[TagRef, ...] = Field(min_length=1, max_length=50, description="Any one of these tags")


@trigger_types.register("contact_tag_updated")
class ContactTagUpdated(TriggerType[ContactTagUpdatedConfig]):
    label = "Contact tag updated"
    description = "Starts when a tag is added to the contact or removed."
    icon = "tag"
    summary = "{action}: {tags.label}"
    config_class = ContactTagUpdatedConfig
    event_kind = "contact_tag_updated"

    def match(self, event: EventView, config: ContactTagUpdatedConfig) -> Mismatch | None:
        if event.payload.get("action") != config.action:
            return Mismatch(0, "The tag was added" if config.action == "remove" else "The tag was removed")
        if event.payload.get("tag_id") not in {tag.id for tag in config.tags}:
            return Mismatch(1, f"It was the tag {event.payload.get('tag')}")
        return None

    def variables(self, event: EventView, config: ContactTagUpdatedConfig) -> Mapping[str, Scalar]:
        return {
            "trigger.tag": event.payload.get("tag"),
            "trigger.tag_action": event.payload.get("action"),
            "trigger.changed_by_source": event.source or None,
        }

    def outputs(self, config: ContactTagUpdatedConfig) -> tuple[Output, ...]:
        return (
            Output("trigger.tag", "Tag"),
            Output("trigger.tag_action", "Added or removed"),
            Output("trigger.changed_by_source", "Who changed it"),
        )

    def admits(self, emission: Emission, config: ContactTagUpdatedConfig) -> bool:
        if emission.kind != self.event_kind:
            return False
        action, tag_id = emission.facts.get("action"), emission.facts.get("tag_id")
        return action in (None, config.action) and (
            tag_id is None or tag_id in {tag.id for tag in config.tags}
        )
