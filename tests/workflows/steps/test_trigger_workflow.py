from __future__ import annotations

import pytest

from tests.harness.context import context
from workflows.contract import Known, KnownWorkflow, Leave, StartRun, WorkflowRef
from workflows.steps.trigger_workflow import PassedVariable, TriggerWorkflow, TriggerWorkflowConfig

STEP = TriggerWorkflow()


def config(**given):
    return TriggerWorkflowConfig(workflow=WorkflowRef(id=9, label="Menu"), **given)


def codes(settings, known):
    return [(p.field, p.is_warning) for p in STEP.misfits(settings, known)]


@pytest.mark.rule("S000.manual.by_step", "SP2.14.trigger.goes_on")
def test_the_contact_enters_the_other_workflow_and_this_run_goes_on():
    ctx = context()
    assert STEP.execute(ctx, config()) == Leave("next")
    assert ctx.effects == [StartRun(9, None, {})]


@pytest.mark.rule("SP2.14.trigger.pass_variables")
def test_values_are_passed_and_numbers_stay_numbers():
    passed = (
        PassedVariable(name="Score", value="$score"),
        PassedVariable(name="greeting", value="Hi $contact.firstname"),
        PassedVariable(name="nothing", value="$unknown"),
    )
    ctx = context(score=42)
    STEP.execute(ctx, config(variables=passed))
    assert ctx.effects[0].variables == {"score": 42, "greeting": "Hi Ada", "nothing": None}


def test_the_contact_may_enter_at_a_step():
    ctx = context()
    STEP.execute(ctx, config(start_step_id="ask"))
    assert ctx.effects == [StartRun(9, "ask", {})]


@pytest.mark.rule("S000.manual.only_target", "SP2.14.trigger.any_with_start_step")
def test_only_manual_workflows_are_targets_unless_a_step_is_named():
    manual = Known(workflows={9: KnownWorkflow("Menu", "manual", is_published=True)})
    other = Known(workflows={9: KnownWorkflow("Menu", "conversation_opened", True, frozenset({"ask"}))})
    assert codes(config(), manual) == []
    assert codes(config(), other) == [("workflow", False)]
    assert codes(config(start_step_id="ask"), other) == []
    assert codes(config(start_step_id="gone"), other) == [("start_step_id", False)]


def test_a_workflow_cannot_target_itself_and_an_unpublished_one_is_a_warning():
    assert codes(config(), Known(workflow_id=9)) == [("workflow", False)]
    draft = Known(workflows={9: KnownWorkflow("Menu", "manual")})
    assert codes(config(), draft) == [("workflow", True)]


def test_names_are_unique_and_at_most_ten():
    twice = (PassedVariable(name="a"), PassedVariable(name="A"))
    assert [p.field for p in STEP.problems(config(variables=twice))] == ["variables.1.name"]
    with pytest.raises(ValueError, match="at most 10"):
        config(variables=tuple(PassedVariable(name=f"n{n}") for n in range(11)))
    with pytest.raises(ValueError, match="used by isflow"):
        PassedVariable(name="contact")


def test_the_loop_check_hears_of_the_target():
    (emission,) = STEP.emissions(config(start_step_id="ask"))
    assert (emission.kind, emission.workflow_id, emission.facts) == (
        "start_workflow",
        9,
        {"start_step_id": "ask"},
    )
