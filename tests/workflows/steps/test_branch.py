from __future__ import annotations

from datetime import timedelta

import pytest

from isflow.kernel.predicates import Operator
from tests.harness.context import (
    NOW,
    channel,
    closed_conversation,
    contact,
    context,
    conversation,
    note_codes,
    user,
)
from workflows.contract import (
    AddTag,
    ChannelRef,
    Connector,
    FieldRef,
    Known,
    KnownField,
    Leave,
    Need,
    TagRef,
    UserRef,
)
from workflows.steps.branch import Branch, BranchCondition, BranchConfig, BranchItem

STEP = Branch()


def row(category, operator, *values, **given):
    return BranchCondition(category=category, operator=Operator(operator), values=values, **given)


def field(slug, operator, *values):
    return row("contact_field", operator, *values, field=FieldRef(slug=slug))


def config(*rows, connector=Connector.AND):
    return BranchConfig(branches=(BranchItem(id="b1", name="One", connector=connector, conditions=rows),))


def holds(ctx, *rows, connector=Connector.AND):
    return STEP.execute(ctx, config(*rows, connector=connector)) == Leave("b1")


@pytest.mark.rule("SP2.4.branch.first_true_wins", "S002.branch.else")
def test_the_first_branch_that_holds_wins_and_else_takes_the_rest():
    settings = BranchConfig(
        branches=tuple(
            BranchItem(id=key, name=key, conditions=(field("firstname", "eq", name),))
            for key, name in [("x", "Bob"), ("y", "ada"), ("z", "Ada")]
        )
    )
    assert STEP.execute(context(), settings) == Leave("y")
    assert STEP.execute(context(contact(firstname="Eve")), settings) == Leave("else")
    assert [o.id for o in STEP.outlets(settings)] == ["x", "y", "z", "else"]


@pytest.mark.rule("SP2.4.branch.connector")
def test_conditions_are_joined_by_the_connector_of_the_branch():
    rows = (field("firstname", "eq", "Ada"), field("lastname", "eq", "Lovelace"))
    assert not holds(context(), *rows)
    assert holds(context(), *rows, connector=Connector.OR)
    assert holds(context(contact(lastname="lovelace")), *rows)


@pytest.mark.rule("SP2.4.branch.variable")
@pytest.mark.rule("SP2.4.branch.values_with_variables")
def test_values_may_hold_variables():
    assert holds(context(wanted="ada"), field("firstname", "eq", "$wanted"))
    assert holds(context(low=3), row("variable", "gt", "$low", variable="score")) is False
    assert holds(context(low=3, score=4), row("variable", "gt", "$low", variable="$Score"))


@pytest.mark.rule("SP2.4.branch.contact_field")
@pytest.mark.parametrize(
    ("kind", "value", "operator", "given", "expected"),
    [
        ("number", 7, "between", ("5", "7"), True),
        ("number", 7, "lt", ("7",), False),
        ("date", "2026-03-01", "within_last", ("5",), True),
        ("date", "2026-03-01", "more_than_ago", ("5",), False),
        ("checkbox", None, "eq", ("false",), True),
        ("checkbox", True, "eq", ("yes",), True),
        ("text", None, "not_exists", (), True),
        ("text", "Blue sky", "contains", ("SKY",), True),
        ("list", "Large", "any_of", ("Small", "Large"), True),
        ("country", "FR", "eq", ("France",), True),
    ],
)
def test_fields_are_compared_by_their_kind(kind, value, operator, given, expected):
    person = contact(kinds={"thing": kind}, values={"thing": value})
    condition = BranchCondition(
        category="contact_field",
        operator=Operator(operator),
        values=given,
        field=FieldRef(slug="thing"),
        unit="days",
    )
    assert holds(context(person), condition) is expected


def test_a_field_that_is_gone_does_not_hold_and_is_noted():
    ctx = context()
    assert not holds(ctx, field("gone", "not_exists"))
    assert note_codes(ctx) == ["unknown_field"]


def test_an_operator_that_does_not_fit_the_kind_does_not_hold_and_is_noted():
    ctx = context(contact(kinds={"age": "number"}, values={"age": 5}))
    assert not holds(ctx, field("age", "contains", "5"))
    assert note_codes(ctx) == ["operator_misfit"]


def test_comparing_a_number_with_words_is_noted():
    ctx = context(contact(kinds={"age": "number"}, values={"age": 5}))
    assert not holds(ctx, field("age", "gt", "many"))
    assert note_codes(ctx) == ["not_a_number"]


@pytest.mark.rule("SP2.4.branch.contact_tags")
def test_tags_are_compared_as_sets():
    ctx = context(contact(tags={1: "VIP", 2: "New"}))
    vip, new, old = (TagRef(id=n, label=label) for n, label in [(1, "VIP"), (2, "New"), (3, "Old")])
    assert holds(ctx, row("contact_tags", "any_of", tags=(vip, old)))
    assert holds(ctx, row("contact_tags", "all_of", tags=(vip, new)))
    assert not holds(ctx, row("contact_tags", "all_of", tags=(vip, old)))
    assert holds(ctx, row("contact_tags", "none_of", tags=(old,)))
    assert holds(ctx, row("contact_tags", "exists"))
    assert holds(context(), row("contact_tags", "not_exists"))


def test_a_tag_of_this_burst_is_seen_by_its_name():
    ctx = context()
    ctx.effect(AddTag(None, "Sales"))
    assert holds(ctx, row("contact_tags", "any_of", tags=(TagRef(id=9, label="sales"),)))


@pytest.mark.rule("SP2.4.branch.assignee_status", "SP2.4.branch.assignee")
def test_the_assignee_and_their_status_are_compared():
    ctx = context(contact(assignee_id=7, assignee=user(7, presence="busy")))
    assert holds(ctx, row("assignee_status", "eq", "busy"))
    assert not holds(ctx, row("assignee_status", "eq", "online"))
    assert holds(context(), row("assignee_status", "not_exists"))
    assert holds(ctx, row("assignee", "eq", users=(UserRef(id=7),)))
    assert holds(context(), row("assignee", "not_exists"))


@pytest.mark.rule("SP2.4.branch.last_channel", "SP2.4.branch.last_message")
def test_last_channel_and_last_message_are_compared():
    ctx = context(contact(channels=(channel(4),), last_incoming_text="I need help, please"))
    assert holds(ctx, row("last_channel", "any_of", channels=(ChannelRef(id=4), ChannelRef(id=5))))
    assert holds(ctx, row("last_channel", "exists"))
    assert holds(ctx, row("last_incoming_message", "any_of", "help", "support"))
    assert not holds(ctx, row("last_incoming_message", "any_of", "hel"))


@pytest.mark.rule("S002.branch.bot_status", "SP2.4.branch.conversation_status")
def test_statuses_are_compared_in_words():
    assert holds(context(), row("conversation_status", "eq", "open"))
    assert holds(context(talk=closed_conversation()), row("conversation_status", "eq", "Closed"))
    assert holds(context(contact(bot_status=False)), row("bot_status", "eq", "off"))
    assert holds(context(), row("bot_status", "eq", "On"))


@pytest.mark.rule("SP2.4.branch.time_since_last_incoming")
def test_the_time_since_the_last_message_is_compared_in_its_unit():
    ctx = context(contact(last_incoming_at=NOW - timedelta(minutes=20)))
    assert holds(ctx, row("time_since_last_incoming", "gt", "15", unit="minutes"))
    assert not holds(ctx, row("time_since_last_incoming", "gt", "1", unit="hours"))
    assert holds(ctx, row("time_since_last_incoming", "between", "10", "30", unit="minutes"))
    assert not holds(context(), row("time_since_last_incoming", "lt", "15"))


@pytest.mark.rule("SP2.4.branch.conversations")
def test_speaker_and_number_of_conversations_are_compared():
    ctx = context(talk=conversation(last_outgoing_source="user", count=3))
    assert holds(ctx, row("last_outgoing_source", "eq", "user"))
    assert holds(ctx, row("number_of_conversations", "gt", "1"))


def test_only_what_the_conditions_read_is_needed():
    assert STEP.needs_of(config(field("firstname", "exists"))) == frozenset()
    assert STEP.needs_of(config(row("contact_tags", "exists"))) == {Need.TAGS}
    assert STEP.needs_of(config(row("assignee_status", "exists"))) == {Need.ASSIGNEE}
    assert STEP.needs_of(config(row("number_of_conversations", "gt", "1"))) == {Need.CONVERSATION}
    assert STEP.needs_of(config(row("variable", "exists", variable="contact.last_channel"))) == {
        Need.CHANNELS
    }


@pytest.mark.rule("SP2.4.branch.limits")
@pytest.mark.rule("SP2.4.branch.empty_branch")
def test_nine_branches_of_ten_conditions_are_the_most():
    ten = (field("firstname", "exists"),) * 10
    items = tuple(BranchItem(id=str(n), name=str(n), conditions=ten) for n in range(10))
    assert BranchConfig(branches=items[:9])
    with pytest.raises(ValueError, match="at most 9"):
        BranchConfig(branches=items)
    with pytest.raises(ValueError, match="at most 10"):
        BranchItem(id="x", name="x", conditions=(*ten, ten[0]))
    with pytest.raises(ValueError, match="at least 1"):
        BranchItem(id="x", name="x", conditions=())


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        (row("contact_field", "eq", "x"), "field"),
        (row("variable", "eq", "x"), "variable"),
        (row("contact_tags", "any_of"), "values"),
        (row("number_of_conversations", "between", "1"), "values"),
        (row("last_incoming_message", "eq", "a", "b"), "values"),
        (row("contact_tags", "eq", "x", tags=(TagRef(id=1),)), "operator"),
    ],
)
def test_incomplete_rows_are_errors(condition, path):
    assert f"branches.0.conditions.0.{path}" in [p.field for p in STEP.problems(config(condition))]


def test_ids_of_branches_are_unique_and_none_is_else():
    conditions = (field("firstname", "exists"),)
    items = tuple(BranchItem(id=key, name="x", conditions=conditions) for key in ("a", "a", "else"))
    fields = [p.field for p in STEP.problems(BranchConfig(branches=items))]
    assert fields == ["branches.1.id", "branches.2.id"]


def test_an_operator_that_does_not_fit_a_field_is_an_error_at_save():
    known = Known(fields={"age": KnownField("number")})
    assert [p.code for p in STEP.misfits(config(field("age", "contains", "5")), known)] == ["operator_misfit"]
    assert list(STEP.misfits(config(field("age", "gt", "5")), known)) == []
