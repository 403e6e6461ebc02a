"""A process dies at every named place in turn; whoever comes next brings the story to its end, unharmed."""

from __future__ import annotations

import os
import pkgutil
from functools import cache
from importlib import import_module

import pytest

from isflow.infra.faults import EXIT_CODE, FAULT_POINTS

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]


def import_all(*packages):
    """Import every module, so that all fault points are declared."""
    for package in packages:
        path = import_module(package).__path__
        for module in pkgutil.walk_packages(path, f"{package}."):
            if ".migrations" not in module.name:
                import_module(module.name)


import_all("channels_app", "contacts", "conversations", "workflows", "isflow.workspaces", "isflow.infra")
POINTS = sorted(FAULT_POINTS)
PASSES = int(os.environ.get("ISFLOW_FAULT_PASSES", "2"))
"""At how many of the passes of one place somebody dies, on PostgreSQL; on SQLite it is the first one."""


@cache
def passes_of(victim):
    """How often a whole story passes each place."""
    scene = victim.scene()
    passes = victim.done("play", scene=scene, count=True)
    assert victim.broken_rules(scene) == []
    return passes


def die_and_recover(victim, point, after):
    """Play with the fault armed, then play on without; the broken rules."""
    scene = victim.scene()
    code, said = victim.order("play", scene=scene, fault=point, after=after)
    assert code == EXIT_CODE, said
    victim.done("play", scene=scene, crashes=1)
    return victim.broken_rules(scene)


def spread(number, wanted):
    """So many of ``range(number)``, the first and the last among them."""
    if number <= wanted:
        return list(range(number))
    return sorted({round(index * (number - 1) / max(1, wanted - 1)) for index in range(wanted)})


def test_every_place_is_passed_by_the_story(sqlite_victim):
    assert set(POINTS) - set(passes_of(sqlite_victim)) == set()


@pytest.mark.rule("SP1.4.effects_once", "SP1.4.burst_commits_together", "DS4.lost_lease_resumes")
@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_lost_or_doubled_on_postgres(postgres_victim, point):
    for after in spread(passes_of(postgres_victim)[point], PASSES):
        assert die_and_recover(postgres_victim, point, after) == [], f"at pass {after}"


@pytest.mark.rule("SP1.4.effects_once", "SP1.4.burst_commits_together", "DS4.lost_lease_resumes")
@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_lost_or_doubled_on_sqlite(sqlite_victim, point):
    assert die_and_recover(sqlite_victim, point, 0) == []
