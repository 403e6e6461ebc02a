"""Random chaos over a whole installation: ``python -m tests.chaos --seed 1 --runs 1000 --kills 20``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.trial import Trial, run_trial
from tests.harness.servers import ROOT

ARTEFACTS = ROOT / "artefacts" / "chaos"


def main():
    """Run, print the table, and say by the exit code whether everything held."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--gap", type=float, default=3.6, help="mean seconds between two kills")
    parser.add_argument(
        "--per-second", type=float, default=0.0, help="runs fed in a second; needed without kills"
    )
    parser.add_argument("--rolling", action="store_true", help="polite restarts of workers and web only")
    parser.add_argument("--agents", type=int, default=20, help="people with an open inbox")
    parser.add_argument("--folder", type=Path, help="keep logs and history here")
    given = parser.parse_args()
    manner = "behave" if given.rolling else "misbehave"
    trial = Trial(
        given.seed,
        given.runs,
        given.kills,
        given.gap,
        is_rolling=given.rolling,
        agents=given.agents,
        manner=manner,
        per_second=given.per_second,
    )
    if given.folder:
        given.folder.mkdir(parents=True)
        result = run_trial(trial, given.folder)
    else:
        with tempfile.TemporaryDirectory(prefix="isflow-chaos-") as folder:
            result = run_trial(trial, Path(folder))
    sys.stdout.write(result.table())
    sys.stdout.write(f"written to {result.keep(ARTEFACTS).relative_to(ROOT)}\n")
    return 0 if result.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
