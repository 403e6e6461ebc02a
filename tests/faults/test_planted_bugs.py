"""The sweep must be able to fail: bugs are planted, and the rules must break."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]


@pytest.mark.parametrize(
    ("bug", "action", "point", "complaint"),
    [
        ("call_again", "exit", "runner.after_call", "the call was made 2 times"),
        ("send_again", "exit", "send.after_call", "message 'Thank you' was made 2 times"),
        ("send_again", "freeze", "send.after_claim", "message 'Thank you' was made 2 times"),
    ],
)
def test_a_repeated_outer_effect_is_noticed(sqlite_lanes, bug, action, point, complaint):
    def play(lane, _case):
        lane.strike(action, point, bug=bug)
        return lane.broken_rules()

    assert complaint in sqlite_lanes.one(play, None)


def test_a_forgotten_run_is_noticed(sqlite_lanes):
    def play(lane, _case):
        with pytest.raises(AssertionError, match="Stuck"):
            lane.strike("exit", "runner.before_commit", bug="forget_lost_leases")

    sqlite_lanes.one(play, None)


def test_a_place_that_is_not_passed_is_noticed(sqlite_lanes):
    def play(lane, _case):
        for action in ("exit", "raise", "lost connection", "freeze"):
            with pytest.raises(AssertionError):
                lane.strike(action, "nowhere.at_all")

    sqlite_lanes.one(play, None)
