"""Decide the contact's way by conditions: from top to bottom, the first branch that holds wins, else Else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field
from pydantic.config import JsonDict

from isflow.kernel.predicates import OPERATORS, Operator, evaluate
from isflow.kernel.readings import number
from workflows.contract import (
    ELSE,
    SUBJECTS,
    ChannelRef,
    Connector,
    FieldRef,
    Known,
    Leave,
    Need,
    Outcome,
    PluginConfig,
    Problem,
    StepConfig,
    StepContext,
    StepType,
    TagRef,
    Template,
    UserRef,
    always,
    each,
    need_of,
    step_types,
    tag_word,
)

MAX_BRANCHES = 9
MAX_CONDITIONS = 10
MAX_VALUES = 50
ONE_VALUE = frozenset({Operator.EQ, Operator.NE, Operator.GT, Operator.LT, Operator.BEFORE, Operator.AFTER})
NO_VALUE = frozenset({Operator.EXISTS, Operator.NOT_EXISTS})
AGES = frozenset({Operator.WITHIN_LAST, Operator.MORE_THAN_AGO})

Category = Literal[
    "contact_field",
    "contact_tags",
    "variable",
    "assignee_status",
    "last_channel",
    "last_incoming_message",
    "conversation_status",
    "bot_status",
    "assignee",
    "time_since_last_incoming",
    "last_outgoing_source",
    "number_of_conversations",
]


def _shown_for(*categories: str) -> JsonDict:
    return {"x-show-if": {"field": "category", "in": [*categories]}}


class BranchCondition(PluginConfig):
    """One row: what is compared, how, and with what."""

    category: Category = Field(description="What is compared")
    field: FieldRef | None = Field(
        default=None, description="Contact field", json_schema_extra=_shown_for("contact_field")
    )
    variable: str = Field(
        default="",
        max_length=100,
        description="Name of a variable, without $",
        json_schema_extra=_shown_for("variable"),
    )
    operator: Operator = Field(description="How it is compared")
    values: tuple[Template, ...] = Field(
        default=(), max_length=MAX_VALUES, description="With what it is compared; may use variables"
    )
    unit: Literal["minutes", "hours", "days"] = Field(
        default="minutes", description="Unit of a length of time", json_schema_extra={"x-unit": True}
    )
    tags: tuple[TagRef, ...] = Field(
        default=(), max_length=MAX_VALUES, description="Tags", json_schema_extra=_shown_for("contact_tags")
    )
    channels: tuple[ChannelRef, ...] = Field(
        default=(),
        max_length=MAX_VALUES,
        description="Channels",
        json_schema_extra=_shown_for("last_channel"),
    )
    users: tuple[UserRef, ...] = Field(
        default=(), max_length=MAX_VALUES, description="Users", json_schema_extra=_shown_for("assignee")
    )

    @property
    def operands(self) -> int:
        """How many values the row holds, in whichever list its category uses."""
        chosen: Mapping[str, tuple[object, ...]] = {
            "contact_tags": self.tags,
            "last_channel": self.channels,
            "assignee": self.users,
        }
        return len(chosen.get(self.category, self.values))


class BranchItem(PluginConfig):
    """One branch: it is taken when its conditions hold."""

    id: str = Field(
        min_length=1, max_length=40, description="Unchanging id", json_schema_extra={"x-widget": "id"}
    )
    name: str = Field(min_length=1, max_length=50, description="Name of the branch")
    connector: Connector = Field(default=Connector.AND, description="All conditions or any")
    conditions: tuple[BranchCondition, ...] = Field(
        min_length=1,
        max_length=MAX_CONDITIONS,
        description="What must hold",
        json_schema_extra={"x-widget": "conditions"},
    )


class BranchConfig(StepConfig):
    """Settings of Branch."""

    branches: tuple[BranchItem, ...] = Field(
        min_length=1, max_length=MAX_BRANCHES, description="Tried from top to bottom"
    )


@step_types.register("branch")
class Branch(StepType[BranchConfig]):
    label = "Branch"
    description = "Choose the way by conditions."
    icon = "git-branch"
    group = "logic"
    summary = "{branches.name}"
    config_class = BranchConfig
    outlet_rules = (each("branches"), always(ELSE))

    def needs_of(self, config: BranchConfig) -> frozenset[Need]:
        return frozenset(need for _, condition in _conditions(config) for need in _needs(condition))

    def problems(self, config: BranchConfig) -> Iterator[Problem]:
        ids: set[str] = set()
        for index, branch in enumerate(config.branches):
            if branch.id in ids or branch.id == ELSE.id:
                yield Problem(f"branches.{index}.id", "Each branch needs an id of its own.", "duplicate")
            ids.add(branch.id)
        for path, condition in _conditions(config):
            yield from _row_problems(path, condition)

    def misfits(self, config: BranchConfig, known: Known) -> Iterator[Problem]:
        for path, condition in _conditions(config):
            field = condition.field if condition.category == "contact_field" else None
            if field and field.slug in known.fields:
                yield from _operator_problems(path, condition, known.fields[field.slug].kind)

    def execute(self, ctx: StepContext, config: BranchConfig) -> Outcome:
        for branch in config.branches:
            held = (_holds(ctx, condition) for condition in branch.conditions)
            if any(held) if branch.connector == Connector.OR else all(held):
                ctx.inputs["branch"] = branch.name
                return Leave(branch.id)
        ctx.inputs["branch"] = ELSE.label
        return Leave(ELSE.id)


def _conditions(config: BranchConfig) -> Iterator[tuple[str, BranchCondition]]:
    for index, branch in enumerate(config.branches):
        for row, condition in enumerate(branch.conditions):
            yield f"branches.{index}.conditions.{row}", condition


def _needs(condition: BranchCondition) -> Iterator[Need]:
    if condition.category in SUBJECTS:
        yield from SUBJECTS[condition.category].needs
    need = need_of(_variable_name(condition)) if condition.category == "variable" else None
    if need is not None:
        yield need


def _row_problems(path: str, condition: BranchCondition) -> Iterator[Problem]:
    if condition.category == "contact_field" and condition.field is None:
        yield Problem(f"{path}.field", "Choose a field.", "required")
    if condition.category == "variable" and not condition.variable.strip():
        yield Problem(f"{path}.variable", "Choose a variable.", "required")
    if condition.category != "contact_field":
        subject = SUBJECTS.get(condition.category)
        yield from _operator_problems(path, condition, subject.kind if subject else "variable")
    count = condition.operands
    if condition.operator == Operator.BETWEEN:
        if count != 2:  # noqa: PLR2004 - a range has two bounds
            yield Problem(f"{path}.values", "Enter two values.", "required")
    elif condition.operator not in NO_VALUE and not count:
        yield Problem(f"{path}.values", "Value is required.", "required")
    elif condition.operator in ONE_VALUE | AGES and count > 1:
        yield Problem(f"{path}.values", "Enter one value, or choose an operator for several.")


def _operator_problems(path: str, condition: BranchCondition, kind: str) -> Iterator[Problem]:
    if condition.operator not in OPERATORS.get(kind, ()):
        yield Problem(f"{path}.operator", "This operator does not fit what is compared.", "operator_misfit")


def _holds(ctx: StepContext, condition: BranchCondition) -> bool:
    found = _subject(ctx, condition)
    if found is None:
        ctx.note("unknown_field", "A condition names a field that does not exist; it does not hold.")
        return False
    kind, subject = found
    if condition.operator not in OPERATORS.get(kind, ()):
        ctx.note("operator_misfit", f"“{condition.operator}” cannot compare a {kind}; it does not hold.")
        return False
    value = _value(ctx, condition, kind)
    return evaluate(kind, condition.operator, subject, value, now=ctx.now, tz=ctx.zone)


def _subject(ctx: StepContext, condition: BranchCondition) -> tuple[str, object] | None:
    if condition.category == "variable":
        return "variable", ctx.value(_variable_name(condition))
    if condition.category != "contact_field":
        subject = SUBJECTS[condition.category]
        return subject.kind, subject.read(ctx)
    slug = condition.field.slug if condition.field else ""
    if slug not in ctx.contact.kinds:
        return None
    kind = ctx.contact.kinds[slug]
    value = ctx.contact.values.get(slug)
    # A box nobody has touched is not ticked.
    return kind, False if kind == "checkbox" and value is None else value


def _value(ctx: StepContext, condition: BranchCondition, kind: str) -> object:
    if condition.category == "contact_tags":
        return tuple(tag_word(ctx, tag) for tag in condition.tags)
    if condition.category == "last_channel":
        return tuple(str(channel.id) for channel in condition.channels)
    if condition.category == "assignee":
        return tuple(str(user.id) for user in condition.users)
    values = tuple(ctx.render(value, drop_unknown=True).strip() for value in condition.values)
    if kind == "number" and any(number(value) is None for value in values):
        ctx.note("not_a_number", "A condition compares with something that is no number; it does not hold.")
    if kind == "duration" or condition.operator in AGES:
        values = tuple(f"{value} {condition.unit}" for value in values)
    return values[0] if len(values) == 1 else values


def _variable_name(condition: BranchCondition) -> str:
    return condition.variable.strip().removeprefix("$").lower()
