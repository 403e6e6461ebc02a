"""The harness must be able to fail: eight bugs are planted, each must be caught. ``make chaos-selftest``.

Most are caught by random chaos. A worker without a fence is not: for that the deterministic freeze of
tests/races is asked, which stops a worker at a named place until another has taken over.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.chaos.planted import DESCRIPTIONS
from tests.chaos.trial import Trial, run_trial
from tests.harness.servers import ROOT, fresh_database, postgres_server

FREEZE = "tests/races/test_zombies.py::test_an_old_answer_is_not_taken_for_a_new_one"
SEEDS, RUNS, KILLS = (7, 8, 9), 150, 10
"""What chance misses with one seed it gets another chance to catch with the next."""


def main():
    """Try every bug; the exit code says whether all were caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.selftest", description=__doc__)
    parser.add_argument("--only", choices=DESCRIPTIONS, action="append")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    lines, missed = ["The chaos harness against planted bugs.", ""], 0
    for number, bug in enumerate(given.only or DESCRIPTIONS, start=1):
        told = by_freeze() if bug == "no_fence" else by_chaos(bug)
        missed += not told
        lines += [f"{number}. {bug}: {DESCRIPTIONS[bug]}", *(f"   {line}" for line in told or ["MISSED"]), ""]
        sys.stdout.write("\n".join(lines[-2 - len(told or [1]) :]) + "\n")
        sys.stdout.flush()
    lines.append(f"{len(given.only or DESCRIPTIONS) - missed} caught, {missed} missed.")
    sys.stdout.write(lines[-1] + "\n")
    if given.output:
        given.output.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return 1 if missed else 0


def by_chaos(bug):
    """Which invariants complain, with one complaint each; none if the bug is missed by all seeds."""
    for seed in SEEDS:
        with tempfile.TemporaryDirectory(prefix="isflow-chaos-") as folder:
            result = run_trial(Trial(seed, RUNS, KILLS, gap=3.0, planted=bug), Path(folder))
        found = {name: sentences for name, sentences in result.violations.items() if sentences}
        if found:
            told = [f"{name}: {len(sentences)}, such as: {sentences[0]}" for name, sentences in found.items()]
            return [f"caught by random chaos (seed {seed}, {RUNS} runs, {KILLS} kills)", *told]
    return []


def by_freeze():
    """The freeze test with and without the bug: it must pass without and fail with it."""
    with postgres_server() as server, fresh_database(server) as url:
        sound, _ = freeze(url, "")
        broken, text = freeze(url, "no_fence")
    if sound != 0 or broken != 1:
        return []
    complaint = next((line for line in text.splitlines() if line.startswith("E  ")), "E")
    return [f"caught by {FREEZE}", complaint[1:].strip()]


def freeze(url, bug):
    command = [sys.executable, "-m", "pytest", FREEZE, "-q", "-p", "no:cacheprovider", "-m", "postgres"]
    env = {**os.environ, "DATABASE_URL": url, "ISFLOW_PLANTED": bug}
    done = subprocess.run(
        [*command, "-p", "tests.chaos.pytest_planted"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


if __name__ == "__main__":
    sys.exit(main())
