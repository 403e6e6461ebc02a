"""A conversation with the contact becomes open, for whatever reason or for some only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import Field

from isflow.kernel.values import Scalar
from workflows.contract import (
    Condition,
    Connector,
    Emission,
    EventView,
    Mismatch,
    Output,
    Problem,
    TriggerConfig,
    TriggerType,
    condition_problems,
    emitted_facts,
    first_mismatch,
    may_hold,
    opening_outputs,
    opening_variables,
    trigger_types,
)

SOURCES = ("user", "contact", "workflow", "api", "zapier", "make", "ctc_ads")
CHOICES = {"source": frozenset(SOURCES)}


class ConversationOpenedConfig(TriggerConfig):
    """Settings of Conversation opened."""

    conditions: tuple[Condition, ...] = Field(
        default=(),
        description="Who opened it; without conditions anybody",
        json_schema_extra={"x-widget": "conditions", "x-categories": {"source": [*SOURCES]}},
    )
    connector: Connector = Field(default=Connector.OR, description="All conditions or any")


@trigger_types.register("conversation_opened")
class ConversationOpened(TriggerType[ConversationOpenedConfig]):
    label = "Conversation opened"
    description = "Starts when a conversation with the contact is opened."
    icon = "message-circle-plus"
    summary = "{conditions.values}"
    config_class = ConversationOpenedConfig
    event_kind = "conversation_opened"

    def match(self, event: EventView, config: ConversationOpenedConfig) -> Mismatch | None:
        source = str(event.payload.get("source") or event.source)
        return first_mismatch(config.conditions, config.connector, {"source": source})

    def variables(self, event: EventView, config: ConversationOpenedConfig) -> Mapping[str, Scalar]:
        return opening_variables(event)

    def outputs(self, config: ConversationOpenedConfig) -> tuple[Output, ...]:
        return opening_outputs()

    def problems(self, config: ConversationOpenedConfig) -> Iterable[Problem]:
        return condition_problems(config.conditions, config.connector, CHOICES)

    def admits(self, emission: Emission, config: ConversationOpenedConfig) -> bool:
        if emission.kind != self.event_kind:
            return False
        return may_hold(config.conditions, config.connector, emitted_facts(emission))
