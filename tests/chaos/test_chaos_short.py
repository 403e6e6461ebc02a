"""A short random chaos: real processes die at random, and afterwards everything adds up."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.chaos.trial import Trial, run_trial

RUNS = int(os.environ.get("ISFLOW_CHAOS_RUNS", "400"))
KILLS = int(os.environ.get("ISFLOW_CHAOS_KILLS", "20"))
SEED = int(os.environ.get("ISFLOW_CHAOS_SEED", "1"))


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.rule("SP1.4.effects_once", "DS4.lost_lease_resumes")
def test_nothing_is_lost_or_doubled_while_everything_dies(capsys):
    # Not tmp_path: PostgreSQL runs as somebody else and must be able to enter.
    with tempfile.TemporaryDirectory(prefix="isflow-chaos-") as folder:
        result = run_trial(Trial(SEED, RUNS, KILLS), Path(folder))
    with capsys.disabled():
        print(f"\n{result.table()}")  # noqa: T201 - the figures belong into the build's log
    assert {name: found for name, found in result.violations.items() if found} == {}
