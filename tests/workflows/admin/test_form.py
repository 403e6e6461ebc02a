"""The definition is written as JSON, checked as a whole, and never lost."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isflow.workspaces.models import AuditEntry
from tests.factories_workflows import document
from tests.workflows.admin.conftest import LIST
from workflows.admin.documents import sample, write_text
from workflows.models import Workflow
from workflows.services import workflow_publish, workflow_save

GOOD = document("conversation_opened", ("say", "send_message", {"default": {"text": "Hello"}}))


def change(workflow):
    return f"{LIST}{workflow.pk}/change/"


def form(definition=None, **values):
    text = definition if isinstance(definition, str) else json.dumps(definition or GOOD)
    return {"name": "Welcome", "description": "", "definition": text, **values}


def errors(reply):
    assert reply.status_code == 200
    return list(reply.context["adminform"].form.errors.get("definition", []))


def test_a_new_workflow_starts_with_a_sample_that_is_valid(shop):
    page = shop.client.get(f"{LIST}add/")
    text = page.context["adminform"].form["definition"].value()
    assert json.loads(text) == sample()

    reply = shop.client.post(f"{LIST}add/", form(text, name="First", allow_stop_for_contact="on"))

    assert reply.status_code == 302
    with shop.scope():
        made = Workflow.objects.get()
        assert (made.name, made.status, made.draft) == ("First", "draft", sample())
        assert made.allow_stop_for_contact
        assert made.created_by == shop.owner
        assert workflow_publish(workflow=made).number == 1


def test_bad_json_says_line_and_column_and_keeps_the_text(shop):
    text = '{"format": 1,\n  "trigger": }'
    reply = shop.client.post(f"{LIST}add/", form(text))

    assert errors(reply) == ["This is no valid JSON. Line 2, column 14: Expecting value."]
    assert reply.context["adminform"].form["definition"].value() == text
    assert "Line 2, column 14" in reply.content.decode()


def test_every_error_is_told_with_its_step_and_setting(shop):
    bad = document(
        "conversation_opened",
        (
            "ask",
            "ask_question",
            {
                "text": "Size?",
                "question_type": "multiple_choice",
                "options": [{"id": "a", "label": "x" * 30}],
            },
        ),
        ("say", "send_message", {"default": {"text": ""}}),
    )
    said = errors(shop.client.post(f"{LIST}add/", form(bad)))

    assert "Step ask, options.0.label: At most 20 characters." in said
    assert any(line.startswith("Step say, default.text: ") for line in said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "must be a JSON object"),
        ("7", "must be a JSON object"),
        ("{}", "The workflow has no trigger."),
        ('{"trigger": {"type": "manual"}, "trigger": 1}', "stands twice"),
        ('{"format": 1, "trigger": {"type": "manual"}, "steps": {"a": {"name": 1}}}', "Step a, "),
        ('{"format": 1, "trigger": {"type": "nothing"}, "steps": {}}', "Trigger"),
        ("[" * 100_000, "nested too deeply"),
        ('{"trigger": ' + "[" * 40 + "]" * 40 + "}", "nested too deeply"),
        ('{"a": "' + "x" * 410_000 + '"}', "longer than 400 KB"),
        ('{"a": ' + "9" * 5000 + "}", "too long"),
        ('{"trigger": {"type": "manual"}, "a": NaN}', "no valid JSON"),
    ],
)
def test_what_is_no_definition_is_refused_in_words(shop, text, said):
    lines = errors(shop.client.post(f"{LIST}add/", form(text)))
    assert any(said in line for line in lines), lines
    with shop.scope():
        assert not Workflow.objects.exists()


def test_an_edited_definition_is_saved(shop):
    workflow = shop.make(draft=GOOD)
    page = shop.client.get(change(workflow))
    seen = page.context["adminform"].form["seen"].value()
    other = document("conversation_opened", ("say", "send_message", {"default": {"text": "Bye"}}))

    reply = shop.client.post(change(workflow), form(other, seen=seen, description="Says bye"))

    assert reply.status_code == 302
    stored = shop.fresh(workflow)
    assert (stored.draft, stored.description) == (other, "Says bye")


def test_warnings_are_shown_but_keep_nobody_from_saving(shop):
    workflow = shop.make(draft=GOOD)
    draft = document("conversation_opened", ("say", "send_message", {"default": {"text": "Hi $nobody"}}))
    reply = shop.client.post(change(workflow), form(draft), follow=True)

    said = [str(message) for message in reply.context["messages"]]
    assert any(line.startswith("Step say, default.text: Nobody knows") for line in said)
    assert shop.fresh(workflow).draft == draft


@pytest.mark.rule("S002.stop_for_contact.without_stopping", "SP.C1.read_only_published")
def test_a_published_workflow_changes_its_settings_but_not_its_definition(shop):
    workflow = shop.make(draft=GOOD)
    with shop.scope():
        workflow_publish(workflow=workflow)
    page = shop.client.get(change(workflow))
    assert b"Stop the workflow to edit it" in page.content
    shown = page.context["adminform"].form["definition"].value()

    assert shop.client.post(change(workflow), form(shown, name="Hello")).status_code == 302
    assert shop.fresh(workflow).name == "Hello"

    other = document("conversation_opened", ("say", "send_message", {"default": {"text": "Bye"}}))
    reply = shop.client.post(change(workflow), form(other))
    assert "published" in errors(reply)[0]
    assert "Bye" in reply.context["adminform"].form["definition"].value()
    assert shop.fresh(workflow).draft == GOOD


def test_a_definition_that_somebody_else_changed_is_replaced_only_on_purpose(shop):
    workflow = shop.make(draft=GOOD)
    seen = shop.client.get(change(workflow)).context["adminform"].form["seen"].value()
    theirs = document("conversation_opened", ("say", "send_message", {"default": {"text": "Theirs"}}))
    mine = document("conversation_opened", ("say", "send_message", {"default": {"text": "Mine"}}))
    with shop.scope():
        workflow_save(workflow=shop.fresh(workflow), draft=theirs)

    reply = shop.client.post(change(workflow), form(mine, seen=seen))
    assert "Somebody else" in errors(reply)[0]
    assert shop.fresh(workflow).draft == theirs

    again = reply.context["adminform"].form["seen"].value()
    assert shop.client.post(change(workflow), form(mine, seen=again)).status_code == 302
    assert shop.fresh(workflow).draft == mine


@pytest.mark.parametrize("name", ["welcome", " WELCOME ", ""])
def test_a_name_is_needed_and_belongs_to_one_workflow(shop, name):
    shop.make("Welcome")
    reply = shop.client.post(f"{LIST}add/", form(name=name))
    assert "name" in reply.context["adminform"].form.errors


def test_one_workflow_too_many_is_refused_and_the_text_kept(shop, monkeypatch):
    monkeypatch.setattr("workflows.admin.forms.MAX_WORKFLOWS", 1)
    shop.make("Only")
    reply = shop.client.post(f"{LIST}add/", form())
    assert "limit" in str(reply.context["adminform"].form.non_field_errors())
    assert reply.context["adminform"].form["definition"].value() == json.dumps(GOOD)


def test_steps_are_written_in_the_order_in_which_they_run():
    shuffled = {
        "steps": {
            "z": {"outlets": {"next": None}, "type": "wait"},
            "a": {"outlets": {"next": "z"}, "config": {}, "name": "A", "type": "wait"},
            "lost": 1,
        },
        "trigger": {"outlets": {"next": "a"}, "type": "manual"},
        "format": 1,
    }
    written = json.loads(write_text(shuffled))
    assert written == shuffled
    assert [list(written), list(written["steps"])] == [
        ["format", "trigger", "steps"],
        ["a", "z", "lost"],
    ] or (list(written["steps"]) == ["a", "z", "lost"])
    assert list(written["steps"]["a"]) == ["type", "name", "config", "outlets"]


@pytest.mark.parametrize(
    "stored", [[], "text", 7, {"trigger": 1, "steps": []}, {"steps": {"a": {"outlets": 1}}}]
)
def test_a_draft_of_any_shape_can_be_opened(shop, stored):
    workflow = shop.make()
    with shop.scope():
        Workflow.objects.filter(pk=workflow.pk).update(draft=stored)
    assert shop.client.get(change(workflow)).status_code == 200
    assert shop.client.get(LIST).status_code == 200


def test_a_change_is_on_record(shop):
    workflow = shop.make(draft=GOOD)
    shop.client.post(f"{LIST}{workflow.pk}/publish/", {"go": "1"})
    with shop.scope():
        entry = AuditEntry.objects.get(action="workflow.published")
        assert (entry.user, entry.target) == (shop.owner, "Welcome")


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(
    ["format", "trigger", "steps", "type", "config", "outlets", "name", "next", "a", "$ref"]
)
shaped = st.recursive(
    scalars
    | st.sampled_from(
        ["send_message", "ask_question", "branch", "conversation_opened", "a", "manual", "wait"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6),
    max_leaves=20,
)
kinds = st.sampled_from(["send_message", "ask_question", "branch", "wait", "http_request", "assign_to", "x"])
step = st.fixed_dictionaries(
    {"type": kinds},
    optional={
        "name": scalars,
        "config": values | st.dictionaries(st.sampled_from(["text", "default", "branches", "url"]), values),
        "outlets": values
        | st.dictionaries(st.sampled_from(["next", "success"]), st.sampled_from(["a", "b", 1])),
    },
)
documents = st.fixed_dictionaries(
    {
        "trigger": st.fixed_dictionaries(
            {"type": st.sampled_from(["conversation_opened", "manual", "incoming_webhook"])},
            optional={"config": values, "outlets": st.just({"next": "a"}) | values},
        ),
        "steps": st.dictionaries(st.sampled_from(["a", "b", "c"]), step | values, max_size=3) | values,
    },
    optional={"format": scalars, "x_note": values},
)
texts = st.one_of(
    st.text(max_size=60),
    values.map(json.dumps),
    shaped.map(json.dumps),
    documents.map(json.dumps),
)


@settings(
    max_examples=int(os.environ.get("ISFLOW_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=texts, name=st.text(max_size=120), seen=st.text(max_size=8))
def test_nothing_that_is_typed_breaks_the_form(shop, text, name, seen):
    reply = shop.client.post(f"{LIST}add/", form(text, name=name, seen=seen))
    assert reply.status_code in {200, 302}
    if reply.status_code == 200:
        assert reply.context["adminform"].form.errors


def test_exit_conditions_are_set_while_published_and_ticks_are_kept(shop):
    workflow = shop.make(draft=GOOD)
    with shop.scope():
        workflow_publish(workflow=workflow)
    ticked = ["incoming_message", "manual_assignment"]

    reply = shop.client.post(change(workflow), form(exits="on", exit_on=ticked))
    assert reply.status_code == 302
    expected = {"outgoing_message": False, "incoming_message": True, "manual_assignment": True}
    assert shop.fresh(workflow).exit_conditions == {"enabled": True, **expected}

    shop.client.post(change(workflow), form(exit_on=ticked))
    assert shop.fresh(workflow).exit_conditions == {"enabled": False, **expected}
    shown = shop.client.get(change(workflow)).context["adminform"].form
    assert (shown["exits"].value(), shown["exit_on"].value()) == (False, ticked)


def test_exit_conditions_without_any_are_refused(shop):
    reply = shop.client.post(f"{LIST}add/", form(exits="on"))
    assert "exit_on" in reply.context["adminform"].form.errors


def test_one_and_true_are_not_the_same_definition(shop):
    workflow = shop.make(draft={"format": True})
    reply = shop.client.post(change(workflow), form('{"format": 1}'))
    assert errors(reply) == ["Trigger: The workflow has no trigger."]
