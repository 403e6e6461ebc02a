"""Change fields of the contact. A value that does not fit its field leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from isflow.kernel.templates import names
from isflow.kernel.values import MAX_TEXT_LENGTH, Scalar, normalise
from workflows.contract import (
    NEXT,
    TEXT_LIMIT,
    Emission,
    FieldRef,
    Known,
    Leave,
    Outcome,
    PluginConfig,
    Problem,
    SetField,
    StepConfig,
    StepContext,
    StepType,
    Template,
    step_types,
)

MAX_ROWS = 10
NEVER_EMPTY = frozenset({"firstname", "bot_status"})
READ_ONLY = frozenset({"profile_picture"})


class FieldUpdate(PluginConfig):
    """One field and what becomes of it."""

    field: FieldRef = Field(description="Field to change")
    value: Template = Field(
        default="",
        max_length=TEXT_LIMIT,
        description="New value; may use variables",
        json_schema_extra={"x-show-if": {"field": "clear", "equals": False}},
    )
    clear: bool = Field(default=False, title="Clear value", description="Empty the field")


class UpdateContactFieldConfig(StepConfig):
    """Settings of Update contact field."""

    updates: tuple[FieldUpdate, ...] = Field(
        min_length=1, max_length=MAX_ROWS, title="Fields", description="Fields to change, at most ten"
    )


@step_types.register("update_contact_field")
class UpdateContactField(StepType[UpdateContactFieldConfig]):
    label = "Update contact field"
    description = "Change values of the contact."
    icon = "square-pen"
    group = "contact"
    summary = "{updates.field.label}"
    config_class = UpdateContactFieldConfig

    def problems(self, config: UpdateContactFieldConfig) -> Iterator[Problem]:
        seen: set[str] = set()
        for index, row in enumerate(config.updates):
            path = f"updates.{index}"
            slug = row.field.slug
            if slug in READ_ONLY:
                yield Problem(f"{path}.field", "Only the channel can set this field.")
            if slug in seen:
                yield Problem(f"{path}.field", "This field stands twice.", "duplicate")
            seen.add(slug)
            if not row.clear and not row.value.strip():
                yield Problem(f"{path}.value", "Enter a value, or choose to clear the field.", "required")
            if row.clear and slug in NEVER_EMPTY:
                yield Problem(f"{path}.clear", "This field may not be emptied.")

    def misfits(self, config: UpdateContactFieldConfig, known: Known) -> Iterator[Problem]:
        for index, row in enumerate(config.updates):
            field = known.fields.get(row.field.slug)
            if field is None or row.clear or names(row.value):
                continue
            try:
                normalise(field.kind, row.value, options=field.options)
            except ValueError as error:
                yield Problem(f"updates.{index}.value", f"{error}.", "invalid_value")

    def emissions(self, config: UpdateContactFieldConfig) -> Iterator[Emission]:
        for row in config.updates:
            yield Emission("contact_field_updated", {"field": row.field.slug})

    def execute(self, ctx: StepContext, config: UpdateContactFieldConfig) -> Outcome:
        for row in config.updates:
            _update(ctx, row)
        return Leave(NEXT.id)


def _update(ctx: StepContext, row: FieldUpdate) -> None:
    slug, name = row.field.slug, row.field.label or row.field.slug
    if slug not in ctx.contact.kinds or slug in READ_ONLY:
        ctx.note("unknown_field", f"There is no field “{name}” to change.")
        return
    if row.clear:
        if slug in NEVER_EMPTY:
            ctx.note("invalid_value", f"“{name}” may not be emptied.")
            return
        _set(ctx, slug, None)
        return
    text = ctx.render(row.value, drop_unknown=True).strip()
    ctx.inputs[slug] = text
    if not text:
        ctx.note("empty_value", f"The value for “{name}” is empty; the field stays as it was.")
        return
    try:
        value = _fitting(ctx, slug, text)
    except ValueError as error:
        ctx.note("invalid_value", f"“{name}” was not changed: {error}.")
        return
    if isinstance(value, str) and len(value) == MAX_TEXT_LENGTH < len(text):
        ctx.note("value_cut", f"The value for “{name}” was cut at {MAX_TEXT_LENGTH:,} characters.")
    _set(ctx, slug, value)


def _fitting(ctx: StepContext, slug: str, text: str) -> Scalar:
    return normalise(
        ctx.contact.kinds[slug],
        text,
        options=ctx.contact.options.get(slug, ()),
        today=ctx.now.astimezone(ctx.zone).date(),
    )


def _set(ctx: StepContext, slug: str, value: Scalar) -> None:
    old = ctx.contact.values.get(slug)
    if (None if old == "" else old) != value or isinstance(old, bool) != isinstance(value, bool):
        ctx.effect(SetField(slug, value))
