from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from tests.harness.context import event
from workflows.contract import Condition, ConditionOperator, Connector, Emission
from workflows.triggers.conversation_opened import ConversationOpened, ConversationOpenedConfig

TRIGGER = ConversationOpened()
PAYLOAD = {
    "conversation_id": 3,
    "source": "contact",
    "first_incoming_message": "Hello",
    "first_incoming_message_type": "text",
    "channel_id": 1,
    "channel": "Chat",
    "opened_at": "2026-03-04T09:30:00+00:00",
}


def config(*rows, connector=Connector.OR):
    conditions = tuple(
        Condition(category="source", operator=ConditionOperator(operator), values=tuple(values))
        for operator, *values in rows
    )
    return ConversationOpenedConfig(conditions=conditions, connector=connector)


def fires(source, *rows, connector=Connector.OR):
    happened = event("conversation_opened", {**PAYLOAD, "source": source}, source=source)
    return TRIGGER.match(happened, config(*rows, connector=connector)) is None


@pytest.mark.rule("S000.opened.no_conditions")
def test_without_conditions_any_opening_fires():
    assert fires("zapier")


@pytest.mark.rule("SP.A1.10.operators")
@pytest.mark.rule("S000.opened.source")
@pytest.mark.parametrize("source", ["user", "contact", "workflow", "api", "zapier", "make", "ctc_ads"])
def test_the_source_is_compared(source):
    assert fires(source, ("eq", source))
    assert not fires("merge", ("eq", source))
    assert not fires(source, ("ne", source))
    assert fires(source, ("any_of", "x", source))


@pytest.mark.rule("S000.trigger.connector")
def test_conditions_are_joined():
    rows = (("eq", "user"), ("eq", "api"))
    assert fires("api", *rows)
    assert not fires("api", *rows, connector=Connector.AND)


@pytest.mark.rule("S000.opened.variables")
def test_the_run_knows_the_conversation():
    happened = event("conversation_opened", PAYLOAD, zone=ZoneInfo("Europe/Berlin"))
    known = TRIGGER.variables(happened, config())
    assert known["conversation.id"] == 3
    assert known["conversation.first_incoming_message"] == "Hello"
    assert known["conversation.first_incoming_message_channel"] == "Chat"
    assert known["conversation.opened_by_source"] == "contact"
    assert known["conversation.opened_by_user"] is None
    assert known["conversation.opened_at"] == "2026-03-04 10:30:00"
    assert set(known) == {output.name for output in TRIGGER.outputs(config())}


@pytest.mark.rule("SP.A1.10.never_holds", "S000.conditions.ten_per_category")
@pytest.mark.rule("S000.trigger.condition_errors")
def test_faulty_rows_are_errors():
    assert [p.code for p in TRIGGER.problems(config(("eq",)))] == ["required"]
    assert [p.code for p in TRIGGER.problems(config(("eq", "nobody")))] == ["invalid"]
    assert [p.code for p in TRIGGER.problems(config(("eq", "user"), ("eq", "user")))] == ["duplicate"]
    eleven = [("any_of", source, "user") for source in ["api", "zapier", "make"]]
    eleven += [("none_of", source, "user") for source in ["api", "zapier", "make", "contact"]]
    eleven += [("ne", source) for source in ["api", "zapier", "make", "contact"]]
    assert "too_many" in [p.code for p in TRIGGER.problems(config(*eleven))]
    never = config(("eq", "user"), ("eq", "api"), connector=Connector.AND)
    assert [(p.code, p.is_warning) for p in TRIGGER.problems(never)] == [("never", True)]


def test_the_loop_check_looks_at_the_conditions():
    opened = Emission("conversation_opened", {"source": "workflow"})
    assert TRIGGER.admits(opened, config())
    assert TRIGGER.admits(opened, config(("eq", "workflow")))
    assert not TRIGGER.admits(opened, config(("eq", "contact")))
    assert not TRIGGER.admits(Emission("conversation_closed"), config())
