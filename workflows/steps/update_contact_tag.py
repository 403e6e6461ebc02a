"""Put tags on the contact or take them off. What changes nothing causes no event."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from workflows.contract import (
    NEXT,
    AddTag,
    Emission,
    Leave,
    Need,
    Outcome,
    Problem,
    RemoveTag,
    StepConfig,
    StepContext,
    StepType,
    TagRef,
    step_types,
)

MAX_TAGS = 10


class UpdateContactTagConfig(StepConfig):
    """Settings of Update contact tag."""

    action: Literal["add", "remove"] = Field(default="add", description="Add or remove")
    tags: tuple[TagRef, ...] = Field(min_length=1, max_length=MAX_TAGS, description="Tags, at most ten")


@step_types.register("update_contact_tag")
class UpdateContactTag(StepType[UpdateContactTagConfig]):
    label = "Update contact tag"
    description = "Add tags to the contact or remove them."
    icon = "tag"
    group = "contact"
    summary = "{action}: {tags.label}"
    config_class = UpdateContactTagConfig
    needs = frozenset({Need.TAGS})

    def problems(self, config: UpdateContactTagConfig) -> Iterator[Problem]:
        ids = [tag.id for tag in config.tags]
        for index, key in enumerate(ids):
            if key in ids[:index]:
                yield Problem(f"tags.{index}", "This tag stands twice.", "duplicate")

    def emissions(self, config: UpdateContactTagConfig) -> Iterator[Emission]:
        for tag in config.tags:
            yield Emission("contact_tag_updated", {"tag_id": tag.id, "action": config.action})

    def execute(self, ctx: StepContext, config: UpdateContactTagConfig) -> Outcome:
        ctx.inputs["tags"] = ", ".join(tag.label or str(tag.id) for tag in config.tags)
        for tag in config.tags:
            has_it = tag.id in ctx.contact.tags
            if config.action == "add" and not has_it:
                ctx.effect(AddTag(tag.id, tag.label))
            elif config.action == "remove" and has_it:
                ctx.effect(RemoveTag(tag.id, tag.label))
        return Leave(NEXT.id)
