"""The sweep must be able to fail: bugs are planted, and the rules must break."""

from __future__ import annotations

import pytest

from isflow.infra.faults import EXIT_CODE

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]


def crash(victim, point, bug, after=0):
    scene = victim.scene()
    code, said = victim.order("play", scene=scene, fault=point, after=after, bug=bug)
    assert code == EXIT_CODE, said
    return scene


@pytest.mark.parametrize(
    ("bug", "point", "complaint"),
    [
        ("call_again", "runner.after_call", "the call was made 2 times"),
        ("send_again", "send.after_call", "message 'Thank you' was made 2 times"),
    ],
)
def test_a_repeated_outer_effect_is_noticed(sqlite_victim, bug, point, complaint):
    scene = crash(sqlite_victim, point, bug)
    sqlite_victim.done("play", scene=scene, crashes=1, bug=bug)
    assert complaint in sqlite_victim.broken_rules(scene)


def test_a_forgotten_run_is_noticed(sqlite_victim):
    scene = crash(sqlite_victim, "runner.before_commit", "forget_lost_leases")
    code, said = sqlite_victim.order("play", scene=scene, crashes=1, seconds=2)
    assert code == 1
    assert "TimeoutError" in said
