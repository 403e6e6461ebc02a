"""Where an answer of the contact is kept: in a variable, a contact field, as a tag, or in all three."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from isflow.kernel.values import Scalar, normalise
from workflows.contract.config import FieldRef, OptionalVariableName, PluginConfig
from workflows.contract.context import StepContext
from workflows.contract.effects import AddTag, SetField
from workflows.contract.known import Known
from workflows.contract.question import QuestionType
from workflows.contract.step import Emission, Output, Problem


class SaveAnswer(PluginConfig):
    """Where a valid answer is kept."""

    field: FieldRef | None = Field(
        default=None, title="Contact field", description="Field that takes the answer"
    )
    variable: OptionalVariableName = Field(default="", description="Name of a variable of this workflow")
    tag: bool = Field(
        default=False,
        description="Add the chosen option as a tag",
        json_schema_extra={"x-show-if": {"field": "question_type", "question": "saves_tag"}},
    )


def save_answer(
    ctx: StepContext, save: SaveAnswer, kind: type[QuestionType] | QuestionType, value: Scalar
) -> None:
    """Keep a valid answer. A field that cannot take it stays as it was, with a note."""
    if save.variable:
        ctx.set_variable(save.variable, value)
    if save.tag:
        ctx.effect(AddTag(None, str(value)))
    if save.field:
        _save_field(ctx, save.field, kind.fits, value)


def save_outputs(save: SaveAnswer) -> tuple[Output, ...]:
    """The variables that keeping an answer leaves; ``.raw`` holds an answer that was not valid."""
    name = save.variable
    return (Output(name, "Answer"), Output(f"{name}.raw", "Answer as written")) if name else ()


def save_emissions(save: SaveAnswer) -> Iterator[Emission]:
    """The events that keeping an answer may cause."""
    if save.field:
        yield Emission("contact_field_updated", {"field": save.field.slug})
    if save.tag:
        yield Emission("contact_tag_updated", {"action": "add"})


def save_misfits(path: str, save: SaveAnswer, kind: type[QuestionType], known: Known) -> Iterator[Problem]:
    """Whether the field can take answers of this type."""
    field = known.fields.get(save.field.slug) if save.field else None
    if field is not None and field.kind not in kind.fits:
        yield Problem(f"{path}.field", "This field cannot take answers of this type.", "field_type_mismatch")


def _save_field(ctx: StepContext, field: FieldRef, fits: frozenset[str], value: Scalar) -> None:
    kind = ctx.contact.kinds.get(field.slug, "")
    name = field.label or field.slug
    if kind not in fits:
        ctx.note("field_type_mismatch", f"The field “{name}” does not take answers of this type.")
        return
    try:
        fitting = normalise(kind, value, options=ctx.contact.options.get(field.slug, ()))
    except ValueError as error:
        ctx.note("field_type_mismatch", f"The field “{name}” was not changed: {error}.")
        return
    ctx.effect(SetField(field.slug, fitting))
