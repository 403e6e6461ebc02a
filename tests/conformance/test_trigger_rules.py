"""Rules of triggers, seen from outside: something happens in the shop, and a workflow runs or does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conversations.models import ClosingCategory, Conversation
from tests.conformance.shop import WAIT, note, say
from tests.factories_contacts import make_contact
from tests.factories_workflows import connect, looking, walk
from workflows.models import Decision, Event
from workflows.services import workflow_create, workflow_stop

SOURCE_IS_CONTACT = {"conditions": [{"category": "source", "operator": "eq", "values": ["contact"]}]}
REFUSED = {"conditions": [{"category": "source", "operator": "eq", "values": ["zapier"]}]}


@pytest.mark.rule(
    "S000.trigger.starts_workflow", "S000.opened.fires", "S002.publish.runs", "S000.trigger.sequence"
)
def test_a_trigger_starts_the_workflow_and_its_steps_run_in_order(shop):
    shop.publish("conversation_opened", say("one", "first"), say("two", "second"), say("three", "third"))
    shop.hears()
    assert shop.said() == ["first", "second", "third"]


@pytest.mark.rule("S000.trigger.all_conditions", "SP.A2.contact_source", "SP.A1.11.decision_row")
def test_only_the_workflow_whose_conditions_hold_runs_and_both_get_a_verdict(shop):
    shop.publish("conversation_opened", say("yes", "welcome"), config=SOURCE_IS_CONTACT)
    shop.publish("conversation_opened", say("no", "not for you"), config=REFUSED)
    shop.hears()
    assert shop.said() == ["welcome"]
    assert sorted(shop.verdicts("conversation_opened")) == ["not_matched", "started"]
    with looking(shop.workspace):
        reasons = [row[3] for row in Decision.objects.get(event__kind="conversation_opened").verdicts]
    assert any("contact" in reason for reason in reasons)


@pytest.mark.rule("SP.A1.several_workflows", "S002.run.concurrent")
def test_one_event_starts_several_workflows_side_by_side(shop):
    shop.publish("conversation_opened", say("a", "from A"), WAIT)
    shop.publish("conversation_opened", say("b", "from B"), WAIT)
    shop.hears()
    assert shop.said() == ["from A", "from B"]
    assert [run.status for run in shop.runs()] == ["waiting", "waiting"]


@pytest.mark.rule("SP.A1.only_published", "S002.status.three")
def test_neither_a_draft_nor_a_stopped_workflow_is_started(shop):
    stopped = shop.publish("conversation_opened", say("a", "stopped"))
    assert stopped.status == "published"
    with looking(shop.workspace):
        draft = workflow_create(name="A draft", draft=stopped.draft)
        workflow_stop(workflow=stopped)
        stopped.refresh_from_db()
    assert (draft.status, stopped.status) == ("draft", "stopped")
    shop.hears()
    assert shop.runs() == []


@pytest.mark.rule("S000.trigger.once_per_contact")
def test_once_per_contact_lets_nobody_in_twice(shop):
    shop.publish("conversation_opened", say("a", "welcome"), once=True)
    contact = shop.hears()
    shop.closes(contact)
    shop.opens(contact)
    assert shop.said() == ["welcome"]
    assert shop.verdicts("conversation_opened") == ["started", "already_enrolled_before"]


@pytest.mark.rule("S000.trigger.once_counts_the_past")
def test_passages_from_before_the_switch_was_on_count(shop):
    workflow = shop.publish("conversation_opened", say("a", "welcome"))
    contact = shop.hears()
    with looking(shop.workspace):
        workflow_stop(workflow=workflow)
        workflow.refresh_from_db()
        draft = {**workflow.draft, "trigger": {**workflow.draft["trigger"], "once_per_contact": True}}
        shop.republish(workflow, draft)
    shop.closes(contact)
    shop.opens(contact)
    assert shop.said() == ["welcome"]


@pytest.mark.rule("SP.A1.11.blocked")
def test_a_blocked_contact_starts_nothing(shop):
    shop.publish("contact_tag_updated", note("a", "tagged"), config={"tags": [{"id": shop.vip.pk}]})
    contact = make_contact(shop.workspace, is_blocked=True)
    shop.tags(contact)
    assert shop.runs() == []
    assert shop.verdicts("contact_tag_updated") == ["contact_blocked"]


@pytest.mark.rule("SP.A1.11.once_handled")
def test_workers_who_are_told_again_and_again_start_a_workflow_once(shop):
    shop.publish("conversation_opened", say("a", "welcome"))
    shop.hears()
    for _ in range(5):
        walk()
    assert shop.said() == ["welcome"]
    with looking(shop.workspace):
        assert Decision.objects.count() == Event.objects.count()


@pytest.mark.rule("SP.A1.11.event_time")
def test_conditions_judge_the_event_not_what_came_later(shop):
    shop.publish(
        "contact_field_updated", note("a", "it was $trigger.new_value"), config={"field": {"slug": "plan"}}
    )
    contact = make_contact(shop.workspace)
    with looking(shop.workspace):
        contact.custom = {"plan": "gold"}
        contact.save()
        contact.custom = {"plan": "none"}
        contact.save()
    walk()
    assert shop.noted() == ["it was gold"]


@pytest.mark.rule("SP.A1.12.null_prints_empty")
def test_a_variable_without_value_prints_nothing(shop):
    shop.publish("conversation_opened", say("a", "[$conversation.first_incoming_message]"))
    contact = make_contact(shop.workspace)
    connect(contact, shop.channel)
    shop.opens(contact)
    assert shop.said() == ["[]"]


@pytest.mark.rule("SP.A2.not_when_open")
def test_nothing_fires_when_the_conversation_is_open_already(shop):
    shop.publish("conversation_opened", say("a", "welcome"))
    contact = shop.hears()
    shop.hears("one more thing")
    shop.opens(contact)
    assert shop.said() == ["welcome"]


@pytest.mark.rule("SP.A2.workflow_message_opens_nothing")
def test_a_message_of_a_workflow_opens_no_conversation(shop):
    shop.publish("contact_tag_updated", say("a", "you are a vip"), config={"tags": [{"id": shop.vip.pk}]})
    shop.publish("conversation_opened", note("b", "opened"))
    contact = make_contact(shop.workspace)
    connect(contact, shop.channel)
    shop.tags(contact)
    assert shop.said() == ["you are a vip"]
    assert shop.noted() == []
    with looking(shop.workspace):
        assert not Conversation.objects.filter(status="open").exists()


@pytest.mark.rule("SP.A2.first_message_answers_nothing", "SP1.5.not_before_asked")
def test_the_message_that_opened_the_conversation_is_no_answer(shop):
    shop.publish(
        "conversation_opened", ("ask", "ask_question", {"text": "Who are you?"}), say("thanks", "thanks")
    )
    shop.hears("I am Ada")
    assert shop.said() == ["Who are you?"]
    assert [run.status for run in shop.runs()] == ["waiting"]


@pytest.mark.rule("S000.closed.fires", "SP.A3.no_category")
def test_closing_fires_and_a_missing_category_is_only_unequal(shop):
    with looking(shop.workspace):
        sales = ClosingCategory.objects.create(workspace=shop.workspace, name="Sales")
    for operator in ("eq", "ne"):
        chosen = [{"id": sales.pk, "label": "Sales"}]
        condition = {"category": "conversation_category", "operator": operator, "categories": chosen}
        shop.publish("conversation_closed", note(operator, operator), config={"conditions": [condition]})
    shop.publish("conversation_closed", note("any", "any"))
    contact = shop.hears()
    shop.closes(contact)
    assert sorted(shop.noted()) == ["any", "ne"]


@pytest.mark.rule("SP.A4.no_change_no_event")
def test_a_tag_that_is_there_already_fires_nothing(shop):
    for action in ("add", "remove"):
        config = {"action": action, "tags": [{"id": shop.vip.pk}]}
        shop.publish("contact_tag_updated", note(action, f"{action} $trigger.tag"), config=config)
    contact = make_contact(shop.workspace)
    shop.tags(contact, add=False)
    shop.tags(contact)
    shop.tags(contact)
    shop.tags(contact, add=False)
    assert shop.noted() == ["add vip", "remove vip"]


@pytest.mark.rule("SP.A4.variables")
def test_the_run_knows_tag_action_and_who_changed_it(shop):
    text = "$trigger.tag $trigger.tag_action $trigger.changed_by_source"
    shop.publish("contact_tag_updated", note("a", text), config={"tags": [{"id": shop.vip.pk}]})
    shop.tags(make_contact(shop.workspace))
    assert shop.noted() == ["vip add user"]


@pytest.mark.rule("S000.field.any_update", "SP.A5.equal_value", "SP.A5.creation", "SP.A5.variables")
def test_every_real_change_of_the_field_fires_and_nothing_else(shop):
    text = "$trigger.field [$trigger.old_value] [$trigger.new_value]"
    shop.publish("contact_field_updated", note("a", text), config={"field": {"slug": "plan"}})
    contact = make_contact(shop.workspace, custom={"plan": "free"})
    walk()
    for value in ("gold", "gold", None, "free"):
        shop.sets(contact, "plan", value)
    assert shop.noted() == ["plan [free] [gold]", "plan [gold] []", "plan [] [free]"]


@pytest.mark.rule("DS4.order_of_contact")
def test_events_of_one_contact_are_decided_in_order(shop, clock):
    shop.publish("contact_field_updated", note("a", "$trigger.new_value"), config={"field": {"slug": "plan"}})
    contact = make_contact(shop.workspace)
    for value in ("one", "two", "three"):
        shop.sets(contact, "plan", value)
        clock.shift(timedelta(seconds=1))
    assert shop.noted() == ["one", "two", "three"]
