from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine

from tests.conformance.shop import make_shop
from workflows.contract import question_types, step_types, trigger_types

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="session", autouse=True)
def _plugins():
    question_types.discover("workflows.questions")
    step_types.discover("workflows.steps")
    trigger_types.discover("workflows.triggers")


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def shop(db, clock):
    return make_shop()
