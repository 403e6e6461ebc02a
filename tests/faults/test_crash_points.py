"""Something befalls a process at every named place in turn; the story still comes to its end, unharmed."""

from __future__ import annotations

import ast
import os
import pkgutil
from functools import cache
from importlib import import_module

import pytest

from isflow.infra.faults import FAULT_POINTS
from tests.faults.actions import ACTIONS
from tests.harness.servers import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

PACKAGES = ("channels_app", "contacts", "conversations", "workflows", "isflow")


def import_all(*packages):
    """Import every module, so that all fault points are declared."""
    for package in packages:
        path = import_module(package).__path__
        for module in pkgutil.walk_packages(path, f"{package}."):
            if ".migrations" not in module.name:
                import_module(module.name)


import_all("channels_app", "contacts", "conversations", "workflows", "isflow.workspaces", "isflow.infra")
POINTS = sorted(FAULT_POINTS)
IS_FULL = os.environ.get("ISFLOW_CRASH_SWEEP") == "full"
"""The long tier: every action on both databases, at every pass."""
PASSES = int(os.environ.get("ISFLOW_FAULT_PASSES", "100" if IS_FULL else "2"))
"""At how many of a story's passes of one place it strikes, each pass being a case of its own."""
SQLITE_ACTIONS = list(ACTIONS) if IS_FULL else ["exit"]


@cache
def passes_of(lanes):
    """How often an undisturbed story passes each place."""

    def tell(lane, _case):
        passes = lane.done("count")
        assert lane.broken_rules() == []
        return passes

    return lanes.one(tell, None)


def spread(number, wanted):
    """So many of ``range(number)``, the first and the last among them."""
    if number <= wanted:
        return list(range(number))
    return sorted({round(index * (number - 1) / max(1, wanted - 1)) for index in range(wanted)})


def strike(lane, case):
    """One case; the broken rules."""
    lane.strike(*case)
    return lane.broken_rules()


def sweep(lanes, action, point):
    """Strike at several passes of the place; the broken rules by pass."""
    passes = spread(passes_of(lanes)[point], PASSES)
    assert passes, "the story does not come past this place"
    found = lanes.each(strike, [(action, point, after) for after in passes])
    return {f"pass {after}": broken for after, broken in zip(passes, found, strict=True) if broken}


def calls_in(path):
    """The names given to ``fault_point`` in a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "fault_point":
            yield node.args[0].value


def test_every_place_is_declared():
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    named = [name for file in files for name in calls_in(file)]
    assert sorted(named) == POINTS


@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
def test_every_place_is_passed_by_the_story(request, kind):
    lanes = request.getfixturevalue(f"{kind}_lanes")
    assert set(POINTS) - set(passes_of(lanes)) == set()


@pytest.mark.rule("SP1.4.effects_once", "SP1.4.burst_commits_together", "DS4.lost_lease_resumes")
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_lost_or_doubled_on_postgres(postgres_lanes, point, action):
    assert sweep(postgres_lanes, action, point) == {}


@pytest.mark.rule("SP1.4.effects_once", "SP1.4.burst_commits_together", "DS4.lost_lease_resumes")
@pytest.mark.parametrize("action", SQLITE_ACTIONS)
@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_lost_or_doubled_on_sqlite(sqlite_lanes, point, action):
    assert sweep(sqlite_lanes, action, point) == {}
