"""Measure isflow against its floors and goals: ``python -m tests.bench [--quick] [--only production]``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.bench.embedded import measure_embedded
from tests.bench.listeners import measure_listeners
from tests.bench.lists import measure_lists
from tests.bench.production import measure_production
from tests.bench.report import Report, machine
from tests.bench.timers import measure_timers
from tests.bench.ui_doors import measure_doors
from tests.bench.ui_inbox import measure_inbox
from tests.bench.ui_live import measure_live
from tests.bench.workers import measure_workers
from tests.harness.servers import ROOT

PARTS = {
    "production": measure_production,
    "workers": measure_workers,
    "timers": measure_timers,
    "listeners": measure_listeners,
    "lists": measure_lists,
    "inbox": measure_inbox,
    "live": measure_live,
    "doors": measure_doors,
    "embedded": measure_embedded,
}


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds each: only to see that it works")
    parser.add_argument("--only", choices=PARTS, help="measure one part only")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each closed loop")
    parser.add_argument("--json", type=Path, default=ROOT / "artefacts" / "bench.json")
    parser.add_argument(
        "--scale",
        type=float,
        default=0.1,
        help="of the inbox: 1 is a million conversations (default 0.1)",
    )
    options = parser.parse_args()
    scale = Scale.quick() if options.quick else Scale(options.seconds)
    scale.inbox = 0.002 if options.quick else options.scale
    report = Report()
    for name, measure in PARTS.items():
        if options.only in (None, name):
            with tempfile.TemporaryDirectory(prefix="isflow-bench-") as folder:
                measure(report, scale, Path(folder))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(
        json.dumps({"machine": machine(), "rows": report.rows}, indent=1), encoding="utf-8"
    )
    sys.stdout.write(report.table() + "\n")
    sys.stdout.write(f"{options.json}\n")
    return 0 if report.is_sound else 1


class Scale:
    """How long and how much."""

    parked = 1_000_000
    timer_seconds = 20
    listed = 1_000_000
    rounds = 5
    inbox_rounds = 100
    live_agents = 1_000
    door_seconds = 30

    def __init__(self, seconds=8.0, contacts=3_000, engine_runs=2_000, bulk=10_000, talks=4):
        self.seconds = seconds
        self.contacts = contacts
        self.engine_runs = engine_runs
        self.bulk = bulk
        self.talks = talks

    @classmethod
    def quick(cls):
        small = cls(seconds=1.5, contacts=300, engine_runs=150, bulk=300, talks=1)
        small.parked, small.timer_seconds = 5_000, 3
        small.listed, small.rounds = 5_000, 2
        small.inbox_rounds, small.live_agents, small.door_seconds = 3, 20, 3
        return small


if __name__ == "__main__":
    raise SystemExit(main())
