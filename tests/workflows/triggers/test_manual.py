from __future__ import annotations

import pytest

from tests.harness.context import event
from workflows.contract import Emission
from workflows.triggers.manual import Manual, ManualConfig

TRIGGER = Manual()


@pytest.mark.rule("S000.manual.no_event")
def test_no_event_starts_it():
    assert TRIGGER.event_kind is None
    assert not TRIGGER.admits(Emission("start_workflow"), ManualConfig())
    assert not TRIGGER.admits(Emission("conversation_opened"), ManualConfig())


def test_the_run_knows_who_sent_the_contact():
    happened = event("start_workflow", {"parent_workflow": "Main menu", "parent_run_id": 4})
    assert TRIGGER.match(happened, ManualConfig()) is None
    known = TRIGGER.variables(happened, ManualConfig())
    assert known == {"trigger.parent_workflow": "Main menu", "trigger.parent_run_id": 4}
    assert set(known) == {output.name for output in TRIGGER.outputs(ManualConfig())}
