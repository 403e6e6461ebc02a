from __future__ import annotations

import pytest

from tests.workflows.definition.builders import KNOWN, document, say, step
from workflows.definition.validation import has_errors, validate


def issues(*args, **given):
    return validate(document(*args, **given), KNOWN)


def found(*args, **given):
    return [(issue.step_id, issue.code) for issue in issues(*args, **given)]


def ask(variable="", **outlets):
    return step("ask_question", {"text": "Well?", "save": {"variable": variable}}, **outlets)


@pytest.mark.rule("S002.save.no_errors")
def test_a_sound_document_has_no_issues():
    steps = {"a": ask("answer", success="b"), "b": say("You said $answer, $contact.firstname")}
    assert issues(steps) == []


@pytest.mark.rule("S002.save.trigger_without_step")
def test_a_trigger_without_a_step_is_an_error():
    assert found({}, first=None) == [(None, "trigger_without_step")]
    assert (None, "trigger_without_step") in found({"a": say()}, first=None)


@pytest.mark.rule("S002.save.step_errors")
def test_faulty_settings_lead_to_step_and_field_in_plain_words():
    steps = {
        "a": step("ask_question", {"text": "", "colour": 1}, success="b"),
        "b": step("wait", {"duration": {"value": 0, "unit": "weeks"}}, next="c"),
        "c": step("wait", {"duration": {"value": 8, "unit": "days"}}),
    }
    told = {(issue.step_id, issue.field): issue.message for issue in issues(steps)}
    assert told == {
        ("a", "text"): "This is required.",
        ("a", "colour"): "This setting is not known.",
        ("b", "duration.value"): "Must be at least 1.",
        ("b", "duration.unit"): "Choose one of these: 'seconds', 'minutes', 'hours' or 'days'.",
        ("c", "duration"): "A wait lasts at most 7 days.",
    }


def test_types_that_are_not_installed_are_errors():
    assert found({"a": step("dance")}, "full_moon") == [(None, "unknown_type"), ("a", "unknown_type")]


@pytest.mark.rule("SPB4.save.dangling_references")
@pytest.mark.parametrize(
    ("kind", "config", "code"),
    [
        ("update_contact_tag", {"tags": [{"id": 1}, {"id": 99, "label": "Gone"}]}, "unknown_tag"),
        ("assign_to", {"user": {"id": 99}}, "unknown_user"),
        (
            "send_message",
            {"default": {"text": "x"}, "channel": {"mode": "fixed", "channel": {"id": 99}}},
            "unknown_channel",
        ),
        ("close_conversation", {"category": {"id": 99}}, "unknown_category"),
        ("trigger_workflow", {"workflow": {"id": 99}}, "unknown_workflow"),
        (
            "update_contact_field",
            {"updates": [{"field": {"slug": "gone"}, "value": "x"}]},
            "unknown_field",
        ),
    ],
)
def test_references_to_what_does_not_exist_are_errors(kind, config, code):
    assert found({"a": step(kind, config)}) == [("a", code)]


def test_references_of_the_trigger_are_checked_too():
    assert found({"a": say()}, "contact_tag_updated", {"tags": [{"id": 99}]}) == [(None, "unknown_tag")]


def test_what_does_not_fit_the_workspace_is_an_error():
    steps = {"a": step("update_contact_field", {"updates": [{"field": {"slug": "age"}, "value": "old"}]})}
    assert found(steps) == [("a", "invalid_value")]


@pytest.mark.rule("S002.import.graph")
def test_every_step_has_exactly_one_way_in():
    assert found({"a": say(), "b": say()}) == [("b", "unreachable")]
    assert found({"a": ask(success="b", failure="b"), "b": say()}) == [("b", "two_parents")]
    assert found({"a": say(next_id="b"), "b": say(next_id="a")}) == [
        ("a", "cycle"),
        ("a", "two_parents"),
        ("b", "cycle"),
    ]
    assert found({"a": say(next_id="gone")}) == [("a", "unknown_target")]
    assert found({"a": say()}, first="gone") == [(None, "unknown_target"), ("a", "unreachable")]


def test_outlets_must_exist_with_the_settings_of_the_step():
    assert found({"a": step("ask_question", {"text": "?"}, timeout="b"), "b": say()}) == [
        ("a", "unknown_outlet")
    ]
    on = {"text": "?", "timeout_branch": True}
    assert found({"a": step("ask_question", on, timeout="b"), "b": say()}) == []
    assert found({"a": step("ask_question", {"text": "?"}, timeout=None)}) == []


@pytest.mark.rule("SP3.3.variable.unknown_warns")
def test_unknown_names_are_warnings():
    told = issues({"a": say("US$abc, $contact.shoe_size, $5, $$x, $contact.age")})
    assert [(issue.code, issue.is_warning) for issue in told] == [("unknown_variable", True)] * 2
    assert not has_errors(told)


@pytest.mark.rule("SP3.2.variable.scope")
def test_values_of_steps_elsewhere_may_be_empty():
    steps = {"a": say("$answer", "b"), "b": ask("answer", success="c", failure="d"), "c": say("$answer")}
    steps["d"] = say("$answer.raw")
    assert found(steps) == [("a", "variable_may_be_empty")]


@pytest.mark.rule("SP3.2.variable.unique")
def test_a_name_belongs_to_one_step():
    steps = {"a": ask("answer", success="b"), "b": ask("Answer")}
    assert found(steps) == [("b", "duplicate_variable")]


def test_variables_of_the_trigger_are_known_everywhere():
    assert found({"a": say("$conversation.first_incoming_message")}) == []
    webhook = {"identifier_key": "$.id", "variables": [{"key": "$.order", "name": "order"}]}
    assert found({"a": say("$order and $webhook.order")}, "incoming_webhook", webhook) == []
