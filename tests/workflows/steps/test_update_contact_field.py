from __future__ import annotations

import pytest

from tests.harness.context import contact, context, note_codes
from workflows.contract import FieldRef, Known, KnownField, Leave, SetField
from workflows.steps.update_contact_field import (
    FieldUpdate,
    UpdateContactField,
    UpdateContactFieldConfig,
)

STEP = UpdateContactField()


def row(slug, value="", *, clear=False):
    return FieldUpdate(field=FieldRef(slug=slug), value=value, clear=clear)


def config(*rows):
    return UpdateContactFieldConfig(updates=rows)


@pytest.mark.rule("SP2.6.field.set")
def test_values_with_variables_are_set_in_their_canonical_form():
    ctx = context(mail="Ada@Example.COM")
    assert STEP.execute(ctx, config(row("email", "$mail"), row("country", "France"))) == Leave("next")
    assert ctx.effects == [SetField("email", "Ada@example.com"), SetField("country", "FR")]
    assert ctx.contact.values["country"] == "FR"


@pytest.mark.rule("SP2.6.field.invalid_value")
def test_a_value_that_does_not_fit_leaves_the_field_and_the_run_goes_on():
    ctx = context(contact(kinds={"size": "list"}, options={"size": ("S", "L")}))
    assert STEP.execute(ctx, config(row("email", "no address"), row("size", "XL"))) == Leave("next")
    assert ctx.effects == []
    assert note_codes(ctx) == ["invalid_value", "invalid_value"]


@pytest.mark.rule("SP2.6.field.clear")
def test_fields_can_be_emptied_but_not_the_first_name():
    ctx = context(contact(email="a@b.co"))
    STEP.execute(ctx, config(row("email", clear=True), row("firstname", clear=True)))
    assert ctx.effects == [SetField("email", None)]
    assert note_codes(ctx) == ["invalid_value"]


@pytest.mark.rule("S002.field.bot_status")
def test_the_bot_can_be_switched_off():
    ctx = context(contact(bot_status=True))
    STEP.execute(ctx, config(row("bot_status", "Off")))
    assert ctx.effects == [SetField("bot_status", False)]


def test_an_equal_value_changes_nothing():
    ctx = context(contact(email="a@b.co"))
    STEP.execute(ctx, config(row("email", "a@B.co"), row("phone", clear=True)))
    assert ctx.effects == []


@pytest.mark.rule("SP2.6.field.unresolved_variable")
def test_a_value_that_is_only_an_unknown_variable_changes_nothing():
    ctx = context(contact(lastname="Lovelace"))
    STEP.execute(ctx, config(row("lastname", "$nobody_knows")))
    assert ctx.effects == []
    assert note_codes(ctx) == ["empty_value"]

    STEP.execute(ctx, config(row("lastname", "Byron $nobody_knows")))
    assert ctx.effects == [SetField("lastname", "Byron")]


def test_long_text_is_cut_with_a_note():
    ctx = context(contact(kinds={"story": "text"}), long="x" * 1500)
    STEP.execute(ctx, config(row("story", "$long")))
    assert len(ctx.effects[0].value) == 1000
    assert note_codes(ctx) == ["value_cut"]


def test_a_field_that_is_gone_is_noted():
    ctx = context()
    STEP.execute(ctx, config(row("gone", "x"), row("profile_picture", "https://example.com/a.png")))
    assert ctx.effects == []
    assert note_codes(ctx) == ["unknown_field", "unknown_field"]


@pytest.mark.parametrize(
    ("rows", "fields"),
    [
        ((row("profile_picture", "x"),), ["updates.0.field"]),
        ((row("email", " "),), ["updates.0.value"]),
        ((row("firstname", clear=True),), ["updates.0.clear"]),
        ((row("email", "a"), row("email", "b")), ["updates.1.field"]),
    ],
)
def test_settings_that_make_no_sense_are_errors(rows, fields):
    assert [p.field for p in STEP.problems(config(*rows))] == fields


def test_a_constant_that_does_not_fit_is_an_error_at_save():
    known = Known(fields={"age": KnownField("number")})
    assert [p.code for p in STEP.misfits(config(row("age", "old")), known)] == ["invalid_value"]
    assert list(STEP.misfits(config(row("age", "$age")), known)) == []


def test_the_loop_check_hears_of_each_field():
    assert [e.facts for e in STEP.emissions(config(row("email", "x")))] == [{"field": "email"}]
