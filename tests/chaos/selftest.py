"""The harness must be able to fail: eight bugs are planted, each must be caught. ``make chaos-selftest``.

Most are caught by random chaos, some only with the right kinds of blows. Two need no chance at all: a worker
without a fence is frozen at a named place by tests/races until another has taken over, and without a sweeper
nobody wakes a timer when nothing else happens.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tests.chaos.planted import DESCRIPTIONS
from tests.chaos.trial import Trial, run_trial
from tests.harness.servers import ROOT, fresh_database, postgres_server

FREEZE = "tests/races/test_zombies.py::test_an_old_answer_is_not_taken_for_a_new_one"
SEEDS = (7, 8, 9)
"""What chance misses with one seed it gets another chance to catch with the next."""
RANDOM = Trial(SEEDS[0], runs=150, kills=9, gap=3.0, agents=4, drain_limit=40)
KINDS = {
    # Nothing but dying senders leaves messages of which nobody knows.
    "resend": ("kill worker",),
}
TRACES = {
    "no_sweeper": "I3",
    "resend": "I5",
    "publish_before_commit": "I2",
    "check_then_insert": "I11",
    "timer_in_redis": "I3",
    "outcome_before_call": "I7",
    "status_not_monotone": "I13",
}
"""Which invariant each bug violates at least; a machine that is merely slow catches nothing."""
STILL = Trial(SEEDS[0], runs=20, kills=0, agents=2, drain_limit=25, manner="silent", per_second=4.0)
"""A few runs whose contacts never answer, and then silence: only their timers can wake them."""
SMALL = Trial(SEEDS[0], runs=100, kills=6, gap=3.0, agents=4)


def main():
    """Try every bug, and first none; the exit code says whether all were caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.selftest", description=__doc__)
    parser.add_argument("--only", choices=DESCRIPTIONS, action="append")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    lines, missed = ["The chaos harness against planted bugs.", ""], 0
    if not given.only:
        sound, told = without_bug()
        missed += not sound
        lines += _tell("0. Nothing is planted", told)
    for number, bug in enumerate(given.only or DESCRIPTIONS, start=1):
        told = caught(bug)
        missed += not told
        lines += _tell(f"{number}. {bug}: {DESCRIPTIONS[bug]}", told or ["MISSED"])
    lines += _tell(f"{len(given.only or DESCRIPTIONS) - missed} caught, {missed} missed.", [])
    if given.output:
        given.output.write_text("\n".join(lines), encoding="utf-8")
    return 1 if missed else 0


def _tell(headline, told):
    lines = [headline, *(f"   {line}" for line in told), ""]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    return lines


def without_bug():
    """Neither the still case nor random chaos may complain about isflow as it is."""
    for trial in (STILL, SMALL):
        found, told = complaints(trial)
        if found:
            return False, ["COMPLAINTS", *told]
    return True, ["no complaint, neither in the still case nor in random chaos"]


def caught(bug):
    """By what the bug was caught and which complaints there were; nothing if it was missed."""
    if bug == "no_fence":
        return by_freeze()
    begun = time.monotonic()
    if bug == "no_sweeper":
        _, told = complaints(STILL, bug)
        return [f"caught in silence ({STILL.runs} runs){_took(begun)}", *told] if told else []
    for seed in SEEDS:
        trial = replace(RANDOM, seed=seed, kinds=KINDS.get(bug, RANDOM.kinds))
        _, told = complaints(trial, bug)
        if told:
            size = f"seed {seed}, {trial.runs} runs, at least {trial.kills} blows"
            return [f"caught by random chaos ({size}){_took(begun)}", *told]
    return []


def complaints(trial, bug=""):
    """The violated invariants, with one complaint each; none where a bug left no trace of its own."""
    with tempfile.TemporaryDirectory(prefix="isflow-chaos-") as folder:
        result = run_trial(replace(trial, planted=bug), Path(folder))
    found = {name: sentences for name, sentences in result.violations.items() if sentences}
    if bug and not any(name.startswith(f"{TRACES[bug]} ") for name in found):
        return {}, []
    return found, [
        f"{name}: {len(sentences)}, such as: {sentences[0][:150]}" for name, sentences in found.items()
    ]


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


def _took(begun):
    return f" in {time.monotonic() - begun:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
