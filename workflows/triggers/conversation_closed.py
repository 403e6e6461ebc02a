"""An open conversation with the contact is closed; a close caused by merging contacts does not count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from isflow.kernel.values import Scalar
from workflows.contract import (
    CategoryRef,
    Condition,
    Connector,
    Emission,
    EventView,
    Mismatch,
    Output,
    Problem,
    TriggerConfig,
    TriggerType,
    closing_outputs,
    closing_variables,
    condition_problems,
    emitted_facts,
    first_mismatch,
    may_hold,
    trigger_types,
)

SOURCES = ("user", "workflow", "bot", "api", "zapier", "make")
CATEGORY = "conversation_category"
CHOICES = {"source": frozenset(SOURCES), CATEGORY: None}


class ClosedCondition(Condition):
    """A row on the source (``values``) or on the closing-note category (``categories``)."""

    values: tuple[str, ...] = Field(default=(), description="With what the source is compared")
    categories: tuple[CategoryRef, ...] = Field(
        default=(),
        description="With what the category is compared",
        json_schema_extra={"x-show-if": {"field": "category", "equals": CATEGORY}},
    )


class ConversationClosedConfig(TriggerConfig):
    """Settings of Conversation closed."""

    conditions: tuple[ClosedCondition, ...] = Field(
        default=(),
        description="Who closed it and with which category; without conditions any close",
        json_schema_extra={
            "x-widget": "conditions",
            "x-categories": {"source": [*SOURCES], CATEGORY: "categories"},
        },
    )
    connector: Connector = Field(default=Connector.OR, description="All conditions or any")


@trigger_types.register("conversation_closed")
class ConversationClosed(TriggerType[ConversationClosedConfig]):
    label = "Conversation closed"
    description = "Starts when the conversation with the contact is closed."
    icon = "message-circle-off"
    summary = "{conditions.values}"
    config_class = ConversationClosedConfig
    event_kind = "conversation_closed"

    def match(self, event: EventView, config: ConversationClosedConfig) -> Mismatch | None:
        source = str(event.payload.get("source") or event.source)
        if source == "merge":
            return Mismatch(-1, "It was closed by merging contacts")
        category = event.payload.get("category_id")
        facts = {"source": source, CATEGORY: None if category is None else str(category)}
        return first_mismatch(_rows(config), config.connector, facts)

    def variables(self, event: EventView, config: ConversationClosedConfig) -> Mapping[str, Scalar]:
        return closing_variables(event)

    def outputs(self, config: ConversationClosedConfig) -> tuple[Output, ...]:
        return closing_outputs()

    def problems(self, config: ConversationClosedConfig) -> Iterator[Problem]:
        for problem in condition_problems(_rows(config), config.connector, CHOICES):
            index = problem.field.split(".")[1] if problem.field.count(".") > 1 else ""
            if index and config.conditions[int(index)].category == CATEGORY:
                yield Problem(
                    problem.field.replace(".values", ".categories"),
                    problem.message,
                    problem.code,
                    is_warning=problem.is_warning,
                )
            else:
                yield problem

    def admits(self, emission: Emission, config: ConversationClosedConfig) -> bool:
        if emission.kind != self.event_kind:
            return False
        return may_hold(_rows(config), config.connector, emitted_facts(emission))


def _rows(config: ConversationClosedConfig) -> tuple[Condition, ...]:
    """The rows with categories by their ids, as the facts have them."""
    return tuple(
        Condition(
            category=row.category,
            operator=row.operator,
            values=tuple(str(ref.id) for ref in row.categories) if row.category == CATEGORY else row.values,
        )
        for row in config.conditions
    )
