from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from isflow.infra import faults
from isflow.infra.faults import FAULT_POINTS, Crash, arm, arm_from_text, declare, die, disarm_all, fault_point


def test_nothing_happens_unarmed():
    fault_point("test.a")


def test_an_armed_point_acts_and_others_do_not():
    arm("test.a", die)
    fault_point("test.b")
    with pytest.raises(Crash):
        fault_point("test.a")
    disarm_all()
    fault_point("test.a")


def test_a_crash_is_no_ordinary_error():
    assert not issubclass(Crash, Exception)


def test_passes_can_be_let_through():
    arm("test.a", die, after=2)
    fault_point("test.a")
    fault_point("test.a")
    with pytest.raises(Crash):
        fault_point("test.a")


def test_declared_points_are_listed():
    declare("test.declared")
    assert "test.declared" in FAULT_POINTS


def test_faults_can_be_written_as_text(monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    arm_from_text("test.a=raise@1, test.b=freeze:2.5")
    fault_point("test.a")
    with pytest.raises(Crash):
        fault_point("test.a")
    fault_point("test.b")
    assert slept == [2.5]


@pytest.mark.parametrize("text", ["name", "=exit", "name=explode", "name=freeze", "name=exit@x"])
def test_a_misspelt_fault_is_an_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - any of several messages
        arm_from_text(text)


def test_the_environment_kills_a_process():
    code = "from isflow.infra.faults import fault_point; fault_point('test.a'); print('alive')"
    run = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={**os.environ, "ISFLOW_FAULT": "test.a=exit", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=False,
    )
    assert run.returncode == faults.EXIT_CODE
    assert run.stdout == b""
