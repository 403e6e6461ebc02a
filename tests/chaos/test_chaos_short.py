"""A short random chaos: real processes die at random, and afterwards everything adds up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNS = int(os.environ.get("ISFLOW_CHAOS_RUNS", "400"))
KILLS = int(os.environ.get("ISFLOW_CHAOS_KILLS", "20"))
SEED = int(os.environ.get("ISFLOW_CHAOS_SEED", "1"))


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.rule("SP1.4.effects_once", "DS4.lost_lease_resumes")
def test_nothing_is_lost_or_doubled_while_everything_dies(capsys):
    # In a process of its own: connections that the nemesis cuts would else be this process's warnings.
    command = [sys.executable, "-m", "tests.chaos", f"--seed={SEED}", f"--runs={RUNS}", f"--kills={KILLS}"]
    trial = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    with capsys.disabled():
        print(f"\n{trial.stdout}")  # noqa: T201 - the figures belong into the build's log
    assert trial.returncode == 0
