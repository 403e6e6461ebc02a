"""One worker and two: through the door under full load, and the engine alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import psutil

from tests.bench.floors import postgres_floors
from tests.bench.load import closed_loop, percentile
from tests.bench.production import drained, inside, problems
from tests.harness.processes import production_installation
from tests.harness.servers import ROOT, stop
from tests.harness.stub import running_stub

CALLERS = 64


def measure_workers(report, scale, folder):
    """What a second worker adds, and what keeps it from adding more."""
    with running_stub() as stub, production_installation(folder, allow=stub.allow) as site:
        floor = postgres_floors(site.database_url)
        door(report, scale, site, stub, floor)
        for name in ("beat", "worker1", "worker2", "web"):
            stop(site.processes.pop(name))
        for flow in ("f", "m"):
            alone(report, scale, site, stub, flow, floor)


def door(report, scale, site, stub, floor):
    """Flow F with more callers than the installation can serve."""
    shop = inside(site, "seed", flow="f", slug="door", stub=stub.url, contacts=scale.contacts)
    rates = {}
    for workers in (1, 2):
        if workers > 1:
            site.start_worker(workers)
        given = {"contacts": scale.contacts, "stub": stub}
        closed_loop(site.url, shop["path"], callers=4, seconds=1, **given)
        drained(site, shop)
        before, cores = site.usage(), Cores()
        tally = closed_loop(site.url, shop["path"], callers=CALLERS, seconds=scale.seconds, **given)
        busy = cores.busy()
        drained(site, shop)
        used = site.usage().since(before) * 1000 / max(1, len(tally.completed))
        rates[workers] = tally.per_second
        name = f"F through the door, {CALLERS} callers, {workers} workers"
        floors = f"{floor['one_commit_per_run']}, in batches {floor['one_commit_per_batch']}"
        note = f"{busy}; {problems(tally)}".strip("; ")
        report.add("P1", name, tally.per_second, "runs/s", goal="150", floor=floors, note=note)
        report.add("P2", f"{name}: CPU of all processes", used, "ms/run", goal="8")
        report.add("P3", f"{name}: accept to stub, p99", percentile(tally.completed, 0.99), "ms")
    report.add("P18", "F through the door: two workers against one", rates[2] / rates[1], "x")


def alone(report, scale, site, stub, flow, floor):  # noqa: PLR0913, PLR0917 - what is measured with what
    """The same number of runs for each process, all due; they begin at one instant, when all are ready."""
    rates = {}
    for workers in (1, 2):
        number = scale.engine_runs * workers
        shop = inside(site, "seed", flow=flow, slug=f"{flow}-{workers}", stub=stub.url, contacts=number)
        inside(site, "insert", workspace=shop["workspace"], runs=number)
        processes = [_walker(site, shop) for _ in range(workers)]
        for process in processes:
            process.stdout.readline()
        cores = Cores()
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
        busy = cores.busy()
        seconds = max(row["ended"] for row in told) - min(row["begun"] for row in told)
        rates[workers] = number / seconds
        name = f"{flow.upper()}, engine only, {workers} processes"
        floors = f"{floor['one_commit_per_run']}, in batches {floor['one_commit_per_batch']}"
        report.add("P18", name, rates[workers], "runs/s", floor=floors, note=busy)
    report.add("P18", f"{flow.upper()}, engine only: two against one", rates[2] / rates[1], "x", goal="1.5")


def _walker(site, shop):
    command = [sys.executable, "-m", "tests.bench.looking", "walk", "--workspace", str(shop["workspace"])]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=site.env, **pipes)


class Cores:
    """How busy all cores of the machine are, other people's work included: what limits us, if they are."""

    def __init__(self):
        self.before = psutil.cpu_times()

    def busy(self):
        now = psutil.cpu_times()
        spent = {name: getattr(now, name) - getattr(self.before, name) for name in now._fields}
        whole = sum(spent.values()) or 1.0
        idle, waiting = spent["idle"] / whole, spent["iowait"] / whole
        return (
            f"of {os.cpu_count()} cores {1 - idle - waiting:.0%} busy, "
            f"{waiting:.0%} waiting for the disk, {idle:.0%} idle"
        )
