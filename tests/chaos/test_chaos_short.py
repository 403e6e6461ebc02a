"""A short random chaos: real processes die at random, and afterwards everything adds up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNS = int(os.environ.get("ISFLOW_CHAOS_RUNS", "1000"))
KILLS = int(os.environ.get("ISFLOW_CHAOS_KILLS", "20"))
SEED = int(os.environ.get("ISFLOW_CHAOS_SEED", "1"))
GAP = float(os.environ.get("ISFLOW_CHAOS_GAP", "3"))


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.rule("SP1.4.effects_once", "DS4.lost_lease_resumes")
def test_nothing_is_lost_or_doubled_while_everything_dies(capsys):
    # In a process of its own: connections that the nemesis cuts would else be this process's warnings.
    size = [f"--seed={SEED}", f"--runs={RUNS}", f"--kills={KILLS}", f"--gap={GAP}"]
    with capsys.disabled():  # it tells every ten seconds how it goes
        trial = subprocess.run([sys.executable, "-m", "tests.chaos", *size], cwd=ROOT, check=False)
    assert trial.returncode == 0
