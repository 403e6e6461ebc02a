from __future__ import annotations

from datetime import timedelta

import pytest

from tests.harness.context import NOW, context
from workflows.contract import Duration, Leave, TimedOut
from workflows.contract import Wait as Waiting
from workflows.steps.wait import Wait, WaitConfig

STEP = Wait()


def config(value, unit):
    return WaitConfig(duration=Duration(value=value, unit=unit))


@pytest.mark.rule("SP2.11.wait.leaves_after_time")
@pytest.mark.parametrize(
    ("value", "unit", "seconds"), [(30, "seconds", 30), (15, "minutes", 900), (2, "days", 172_800)]
)
def test_the_run_stays_for_the_time_and_goes_on(value, unit, seconds):
    settings = config(value, unit)
    assert STEP.execute(context(), settings) == Waiting("timer", NOW + timedelta(seconds=seconds))
    assert STEP.resume(context(), settings, TimedOut()) == Leave("next")


@pytest.mark.rule("SP2.11.wait.seven_days")
def test_seven_days_are_the_most():
    assert list(STEP.problems(config(168, "hours"))) == []
    assert [p.field for p in STEP.problems(config(8, "days"))] == ["duration"]


def test_the_contact_need_not_act_so_a_wait_breaks_no_cycle():
    assert not STEP.breaks_cycles
