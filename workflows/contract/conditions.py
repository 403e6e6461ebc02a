"""Conditions of triggers on who or what caused an event: category, operator, values, one connector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from pydantic import Field

from workflows.contract.config import PluginConfig
from workflows.contract.step import Problem
from workflows.contract.trigger import Mismatch

MAX_CONDITIONS = 10


class Connector(StrEnum):
    """How the conditions of one list are joined."""

    AND = "and"
    OR = "or"


class ConditionOperator(StrEnum):
    """How a condition compares."""

    EQ = "eq"
    NE = "ne"
    ANY_OF = "any_of"
    NONE_OF = "none_of"


class Condition(PluginConfig):
    """One row: the category names a fact of the event."""

    category: str = Field(description="What is compared")
    operator: ConditionOperator = Field(description="How it is compared")
    values: tuple[str, ...] = Field(description="With what it is compared")

    def holds(self, facts: Mapping[str, str | None]) -> bool:
        """Whether the event's fact fulfils the row."""
        is_listed = facts.get(self.category) in self.values
        return (
            is_listed if self.operator in (ConditionOperator.EQ, ConditionOperator.ANY_OF) else not is_listed
        )

    def __str__(self) -> str:
        words = {
            "eq": "is equal to",
            "ne": "is not equal to",
            "any_of": "has any of",
            "none_of": "has none of",
        }
        return f"{self.category} {words[self.operator]} {', '.join(self.values)}"


def first_mismatch(
    conditions: tuple[Condition, ...], connector: Connector, facts: Mapping[str, str | None]
) -> Mismatch | None:
    """None when the list holds under its connector (an empty list always does)."""
    if not conditions:
        return None
    failed = [index for index, condition in enumerate(conditions) if not condition.holds(facts)]
    if not failed or (connector == Connector.OR and len(failed) < len(conditions)):
        return None
    index = failed[0]
    return Mismatch(index, f"{conditions[index]}; it was {facts.get(conditions[index].category) or 'empty'}")


def may_hold(
    conditions: tuple[Condition, ...], connector: Connector, facts: Mapping[str, str | None]
) -> bool:
    """Whether the list could hold for an event of which only some facts are known; None may be anything."""
    possible = [facts.get(c.category) is None or c.holds(facts) for c in conditions]
    return not possible or (any(possible) if connector == Connector.OR else all(possible))


def condition_problems(
    conditions: tuple[Condition, ...], connector: Connector, choices: Mapping[str, frozenset[str] | None]
) -> Iterator[Problem]:
    """What is wrong with a list. ``choices``: allowed values by category; None allows any."""
    counts: dict[str, int] = {}
    seen: set[tuple[str, str, tuple[str, ...]]] = set()
    for index, condition in enumerate(conditions):
        path = f"conditions.{index}"
        counts[condition.category] = counts.get(condition.category, 0) + 1
        if condition.category not in choices:
            yield Problem(f"{path}.category", f"“{condition.category}” cannot be compared here.")
            continue
        allowed = choices[condition.category]
        if not condition.values:
            yield Problem(f"{path}.values", "Value is required.", "required")
        elif allowed is not None and (unknown := sorted(set(condition.values) - allowed)):
            yield Problem(f"{path}.values", f"Unknown value: {', '.join(unknown)}.")
        if condition.operator in (ConditionOperator.EQ, ConditionOperator.NE) and len(condition.values) > 1:
            yield Problem(f"{path}.values", "Choose one value, or an operator for several.")
        row = (condition.category, condition.operator.value, condition.values)
        if row in seen:
            yield Problem(path, "This condition stands twice.", "duplicate")
        seen.add(row)
        if counts[condition.category] == MAX_CONDITIONS + 1:
            yield Problem(path, f"At most {MAX_CONDITIONS} conditions per category.", "too_many")
    if connector == Connector.AND and _never_holds(conditions):
        yield Problem("conditions", "Joined by AND these can never all hold.", "never", is_warning=True)


def _never_holds(conditions: tuple[Condition, ...]) -> bool:
    wanted: dict[str, set[str]] = {}
    for condition in conditions:
        if condition.operator == ConditionOperator.EQ:
            wanted.setdefault(condition.category, set()).update(condition.values)
    return any(len(values) > 1 for values in wanted.values())
