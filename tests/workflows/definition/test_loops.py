from __future__ import annotations

import pytest

from tests.workflows.definition.builders import member, say, step
from workflows.definition.loops import find_loop


def start(key, start_step="", **outlets):
    config = {"workflow": {"id": key}, "start_step_id": start_step}
    return step("trigger_workflow", config, **outlets)


def tag(key=1, action="add", **outlets):
    return step("update_contact_tag", {"action": action, "tags": [{"id": key}]}, **outlets)


def ask(**outlets):
    return step("ask_question", {"text": "?", "timeout_branch": True, "failure_branch": True}, **outlets)


def names(loop):
    return None if loop is None else [edge.workflow_name for edge in loop]


@pytest.mark.rule("S002.loop.own_trigger")
def test_a_step_that_repeats_the_own_trigger_is_a_loop():
    tagged = member(1, {"a": tag(1)}, "contact_tag_updated", {"tags": [{"id": 1}]})
    (edge,) = find_loop(tagged, [])
    assert (edge.workflow_id, edge.step_id, edge.target_id) == (1, "a", 1)
    assert str(edge) == "W1 · update_contact_tag → W1"
    field = {"updates": [{"field": {"slug": "email"}, "value": "a@b.co"}]}
    changed = member(
        1, {"a": step("update_contact_field", field)}, "contact_field_updated", {"field": {"slug": "email"}}
    )
    assert find_loop(changed, [])
    assert find_loop(member(1, {"a": step("close_conversation")}, "conversation_closed"), [])


def test_another_tag_or_action_is_none():
    config = {"tags": [{"id": 1}]}
    assert find_loop(member(1, {"a": tag(2)}, "contact_tag_updated", config), []) is None
    assert find_loop(member(1, {"a": tag(1, "remove")}, "contact_tag_updated", config), []) is None


@pytest.mark.rule("SPB11.loop.conditions")
def test_conditions_that_cannot_hold_make_no_loop():
    config = {"conditions": [{"category": "source", "operator": "eq", "values": ["user"]}]}
    assert find_loop(member(1, {"a": step("close_conversation")}, "conversation_closed", config), []) is None


@pytest.mark.rule("S002.loop.each_other")
def test_workflows_that_trigger_each_other_are_a_loop():
    first = member(1, {"a": tag(1)}, "manual")
    second = member(2, {"a": say(next_id="b"), "b": start(1)}, "contact_tag_updated", {"tags": [{"id": 1}]})
    assert names(find_loop(first, [second])) == ["W1", "W2"]
    assert names(find_loop(second, [first])) == ["W2", "W1"]
    assert find_loop(first, []) is None


@pytest.mark.rule("S002.loop.question_breaks", "SP2.14.loop.question_breaks")
def test_a_question_on_the_way_breaks_the_circle():
    menu = member(1, {"a": ask(success="b"), "b": start(2)}, "manual")
    sub = member(2, {"a": say(next_id="b"), "b": start(1)}, "manual")
    assert find_loop(menu, [sub]) is None
    assert find_loop(sub, [menu]) is None


@pytest.mark.rule("SPB11.loop.timeout_does_not_break")
@pytest.mark.parametrize("outlet", ["timeout", "message_failure"])
def test_leaving_a_question_without_an_answer_breaks_nothing(outlet):
    menu = member(1, {"a": ask(**{outlet: "b"}), "b": start(2)}, "manual")
    sub = member(2, {"a": start(1)}, "manual")
    assert names(find_loop(menu, [sub])) == ["W1", "W2"]


@pytest.mark.rule("SPB11.loop.wait_does_not_break")
def test_a_wait_does_not_break_the_circle():
    first = member(1, {"a": step("wait", next="b"), "b": start(2)}, "manual")
    second = member(2, {"a": start(1)}, "manual")
    assert names(find_loop(first, [second])) == ["W1", "W2"]


def test_entering_behind_the_question_passes_it_by():
    first = member(1, {"a": ask(success="b"), "b": start(2)}, "manual")
    second = member(2, {"a": start(1, "b")}, "manual")
    assert names(find_loop(first, [second])) == ["W1", "W2"]
    assert names(find_loop(second, [first])) == ["W2", "W1"]


def test_only_circles_through_the_candidate_are_reported():
    one = member(1, {"a": start(2)}, "manual")
    two = member(2, {"a": start(3)}, "manual")
    three = member(3, {"a": start(2)}, "manual")
    assert find_loop(one, [two, three]) is None


def test_a_published_version_of_the_candidate_does_not_count():
    old = member(1, {"a": start(2)}, "manual")
    new = member(1, {"a": say()}, "manual")
    assert find_loop(new, [old, member(2, {"a": start(1)}, "manual")]) is None


def test_an_answer_that_changes_the_own_trigger_is_a_loop():
    question = step("ask_question", {"text": "?", "save": {"field": {"slug": "email"}}})
    config = {"field": {"slug": "email"}}
    assert find_loop(member(1, {"a": question}, "contact_field_updated", config), [])
