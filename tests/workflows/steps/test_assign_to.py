from __future__ import annotations

import pytest

from tests.harness.context import contact, context, note_codes, user
from workflows.contract import Assign, Leave, UserRef
from workflows.steps.assign_to import AssignTo, AssignToConfig

STEP = AssignTo()
GRACE = AssignToConfig(action="user", user=UserRef(id=7, label="Grace Hopper"))


@pytest.mark.rule("SP2.3.assign.user")
def test_the_user_gets_the_contact_and_is_the_assignee_at_once():
    ctx = context(users={7: user(7)})
    assert STEP.execute(ctx, GRACE) == Leave("next")
    assert ctx.effects == [Assign(7)]
    assert ctx.render("$assignee.name") == "Grace Hopper"


@pytest.mark.rule("SP2.3.assign.unassign")
def test_unassigning_takes_the_assignee_away():
    settings = AssignToConfig(action="unassign")
    ctx = context(contact(assignee_id=7, assignee=user(7)))
    assert STEP.execute(ctx, settings) == Leave("next")
    assert ctx.effects == [Assign(None)]
    assert ctx.render("[$assignee.name]") == "[]"
    again = context()
    STEP.execute(again, settings)
    assert again.effects == []


def test_whoever_has_the_contact_already_keeps_it():
    ctx = context(contact(assignee_id=7), users={7: user(7)})
    STEP.execute(ctx, GRACE)
    assert ctx.effects == []


@pytest.mark.rule("SP2.3.assign.deleted_user")
def test_a_user_who_has_left_is_noted_and_the_run_goes_on():
    ctx = context(users={8: user(8)})
    assert STEP.execute(ctx, GRACE) == Leave("next")
    assert ctx.effects == []
    assert note_codes(ctx) == ["unknown_user"]


def test_a_user_must_be_chosen():
    settings = AssignToConfig(action="user")
    assert [p.field for p in STEP.problems(settings)] == ["user"]
    ctx = context()
    assert STEP.execute(ctx, settings) == Leave("next")
    assert ctx.effects == []


def test_the_loop_check_hears_who_comes_and_goes():
    assert [e.kind for e in STEP.emissions(GRACE)] == ["participant_added", "participant_removed"]
    unassign = AssignToConfig(action="unassign")
    assert [e.kind for e in STEP.emissions(unassign)] == ["participant_removed"]
