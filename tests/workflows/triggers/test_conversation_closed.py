from __future__ import annotations

import pytest

from tests.harness.context import event
from workflows.contract import CategoryRef, ConditionOperator, Connector, Emission
from workflows.triggers.conversation_closed import (
    ClosedCondition,
    ConversationClosed,
    ConversationClosedConfig,
)

TRIGGER = ConversationClosed()
PAYLOAD = {
    "conversation_id": 3,
    "source": "user",
    "opened_by_source": "contact",
    "opened_at": "2026-03-04T09:30:00+00:00",
    "category": "Sale",
    "category_id": 7,
    "summary": "Bought two",
    "closed_at": "2026-03-04T10:00:00+00:00",
    "closed_by_user": "Grace Hopper",
    "first_response_time": 75,
    "resolution_time": 90_061,
    "incoming_message_count": 4,
}
SALE = CategoryRef(id=7, label="Sale")


def source(operator, *values):
    return ClosedCondition(category="source", operator=ConditionOperator(operator), values=values)


def category(operator, *refs):
    return ClosedCondition(
        category="conversation_category", operator=ConditionOperator(operator), categories=refs
    )


def config(*rows, connector=Connector.AND):
    return ConversationClosedConfig(conditions=rows, connector=connector)


def fires(settings, **payload):
    return TRIGGER.match(event("conversation_closed", {**PAYLOAD, **payload}), settings) is None


@pytest.mark.rule("S000.closed.no_conditions", "S000.closed.not_by_merge")
def test_without_conditions_any_close_fires_but_a_merge():
    assert fires(config())
    assert not fires(config(), source="merge")


@pytest.mark.rule("S000.closed.source")
@pytest.mark.parametrize("who", ["user", "workflow", "bot", "api", "zapier", "make"])
def test_the_source_is_compared(who):
    assert fires(config(source("eq", who)), source=who)
    assert not fires(config(source("ne", who)), source=who)


@pytest.mark.rule("S000.closed.category")
def test_the_category_is_compared_and_may_be_missing():
    assert fires(config(category("eq", SALE)))
    assert not fires(config(category("eq", SALE)), category_id=None)
    assert fires(config(category("ne", SALE)), category_id=None)
    assert fires(config(source("eq", "user"), category("any_of", SALE, CategoryRef(id=8))))


@pytest.mark.rule("S000.closed.variables")
def test_the_run_knows_times_and_note():
    known = TRIGGER.variables(event("conversation_closed", PAYLOAD), config())
    assert known["conversation.category"] == "Sale"
    assert known["conversation.summary"] == "Bought two"
    assert known["conversation.closed_at"] == "2026-03-04 10:00:00"
    assert known["conversation.first_response_time"] == "00:01:15"
    assert known["conversation.first_response_time_seconds"] == 75
    assert known["conversation.resolution_time"] == "25:01:01"
    assert known["conversation.opened_by_source"] == "contact"
    assert known["conversation.closed_by_source"] == "user"
    assert known["conversation.closed_by_user"] == "Grace Hopper"
    assert known["conversation.assignee_team"] is None
    assert set(known) == {output.name for output in TRIGGER.outputs(config())}


def test_a_first_response_that_never_came_is_null():
    known = TRIGGER.variables(
        event("conversation_closed", {**PAYLOAD, "first_response_time": None}), config()
    )
    assert known["conversation.first_response_time"] is None
    assert known["conversation.first_response_time_seconds"] is None


def test_faulty_rows_are_errors_at_their_own_field():
    settings = config(source("eq", "contact"), category("eq"))
    assert [p.field for p in TRIGGER.problems(settings)] == ["conditions.0.values", "conditions.1.categories"]


def test_the_loop_check_looks_at_source_and_category():
    closed = Emission("conversation_closed", {"source": "workflow", "conversation_category": ""})
    assert TRIGGER.admits(closed, config())
    assert not TRIGGER.admits(closed, config(source("eq", "user")))
    assert not TRIGGER.admits(closed, config(category("eq", SALE)))
    sale = Emission("conversation_closed", {"source": "workflow", "conversation_category": "7"})
    assert TRIGGER.admits(sale, config(category("eq", SALE)))
    assert not TRIGGER.admits(Emission("conversation_opened"), config())
