from __future__ import annotations

import pytest

from workflows.contract import question_types, step_types, trigger_types


@pytest.fixture(scope="session", autouse=True)
def _plugins():
    """All plug-ins are found, as they are when Django has started."""
    question_types.discover("workflows.questions")
    step_types.discover("workflows.steps")
    trigger_types.discover("workflows.triggers")
