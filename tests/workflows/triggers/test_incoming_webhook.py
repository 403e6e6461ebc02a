from __future__ import annotations

import pytest

from tests.harness.context import event
from workflows.contract import Emission
from workflows.triggers.incoming_webhook import (
    IncomingWebhook,
    IncomingWebhookConfig,
    WebhookVariable,
)

TRIGGER = IncomingWebhook()


def config(**given):
    return IncomingWebhookConfig(**{"identifier_key": "$.customer.email", **given})


def variables(*pairs):
    return tuple(WebhookVariable(key=key, name=name) for key, name in pairs)


@pytest.mark.rule("S000.webhook.identifier_key")
@pytest.mark.rule("S000.webhook.identifier")
def test_the_identifier_is_found_by_its_key():
    reading = TRIGGER.read({"customer": {"email": "a@b.co"}}, config())
    assert (reading.identifier_kind, reading.identifier) == ("email", "a@b.co")
    by_id = config(identifier_type="contact_id", identifier_key="$.ids[1]")
    assert TRIGGER.read({"ids": [4, 5]}, by_id).identifier == 5


@pytest.mark.parametrize(
    "document", [{}, [], {"customer": None}, {"customer": {"email": {}}}, 7, "text", None]
)
def test_a_document_without_identifier_names_nobody(document):
    assert TRIGGER.read(document, config()).identifier is None


@pytest.mark.rule("SP.A7.4.missing_value")
@pytest.mark.rule("S000.webhook.variables", "S000.webhook.scalars_only")
def test_scalars_become_variables_and_anything_else_is_null():
    settings = config(
        variables=variables(("$.order.id", "order"), ("$.paid", "paid"), ("$.order", "all"), ("$.x", "x"))
    )
    reading = TRIGGER.read({"order": {"id": 12.5}, "paid": True}, settings)
    assert reading.variables == {"order": 12.5, "paid": True, "all": None, "x": None}
    assert len(reading.notes) == 1
    assert {output.name for output in TRIGGER.outputs(settings)} == set(reading.variables)


def test_long_values_are_cut():
    reading = TRIGGER.read({"a": "x" * 20_000}, config(variables=variables(("$.a", "a"))))
    assert len(reading.variables["a"]) == 10_000


@pytest.mark.rule("S000.webhook.limits")
def test_ten_variables_are_the_most_and_keys_and_names_are_unique():
    with pytest.raises(ValueError, match="at most 10"):
        config(variables=variables(*((f"$.k{n}", f"k{n}") for n in range(11))))
    twice = config(variables=variables(("$.a", "a"), ("a", "b"), ("$.c", "A")))
    fields = [problem.field for problem in TRIGGER.problems(twice)]
    assert fields == ["variables.1.key", "variables.2.name"]


@pytest.mark.rule("S000.webhook.json_key")
@pytest.mark.parametrize("key", ["$", "$.a[*]", "$..a", "$.a[?(@.b)]", ""])
def test_keys_that_could_yield_more_than_one_value_are_errors(key):
    assert [p.field for p in TRIGGER.problems(config(identifier_key=key))] == ["identifier_key"]


def test_no_event_of_a_workflow_starts_it():
    assert TRIGGER.event_kind is None
    assert TRIGGER.match(event("incoming_webhook"), config()) is None
    assert not TRIGGER.admits(Emission("conversation_opened"), config())
