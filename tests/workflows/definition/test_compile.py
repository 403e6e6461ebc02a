from __future__ import annotations

import pytest

from tests.workflows.definition.builders import document, say, step
from workflows.contract import Need
from workflows.definition.compile import CannotCompile, compile_definition


def needs(*texts, slug="email"):
    steps = {
        f"s{n}": step("update_contact_field", {"updates": [{"field": {"slug": slug}, "value": text}]})
        for n, text in enumerate(texts)
    }
    return compile_definition(document(steps, "manual", first="s0")).needs


def test_types_and_settings_are_ready_to_run():
    definition = compile_definition(document({"a": say("Hi", "b"), "b": step("wait")}))
    assert definition.trigger_key == "conversation_opened"
    assert definition.trigger.event_kind == "conversation_opened"
    assert definition.first_step_id == "a"
    assert definition.steps["a"].config.default.text == "Hi"
    assert definition.steps["a"].outlets == {"next": "b"}
    assert definition.steps["b"].config.duration.seconds == 300
    assert definition.needs == {Need.CHANNELS}


def test_an_unnamed_step_goes_by_the_label_of_its_type():
    definition = compile_definition(document({"a": {**say(), "name": ""}}))
    assert definition.steps["a"].name == "Send a message"


def test_only_what_templates_name_is_needed():
    assert needs("Hi $contact.firstname, $system.current_date") == frozenset()
    assert needs("$contact.tags") == {Need.TAGS}
    assert needs("$contact.assignee", "$assignee.email") == {Need.ASSIGNEE}
    assert needs("$contact.shoe_size") == needs("x", slug="shoe_size") == {Need.FIELDS}
    assert needs("$contact.status.", "{{$contact.last_channel}}") == {Need.CONVERSATION, Need.CHANNELS}


def test_names_of_trigger_and_steps_are_declared():
    ask = step("ask_question", {"text": "Name?", "save": {"variable": "Their Name"}})
    definition = compile_definition(document({"a": ask}))
    assert {"conversation.id", "their_name", "their_name.raw"} <= definition.declared


def test_without_a_step_there_is_no_first_one():
    assert compile_definition(document({}, first=None)).first_step_id == ""


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ({"a": step("dance")}, "Unknown step type “dance”"),
        (
            {"a": step("ask_question", {"text": ""})},
            "Settings of the step “ask_question”: text: This is required.",
        ),
    ],
)
def test_what_cannot_run_is_refused(steps, said):
    with pytest.raises(CannotCompile) as caught:
        compile_definition(document(steps))
    assert said in caught.value.message


def test_an_unknown_trigger_is_refused():
    with pytest.raises(CannotCompile, match="Unknown trigger"):
        compile_definition(document({}, "full_moon"))
