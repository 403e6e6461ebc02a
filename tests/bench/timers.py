"""A million timers that lie waiting, and a thousand that come due each second."""

from __future__ import annotations

import json
import threading
import time

import psycopg

from tests.bench.floors import postgres_floors
from tests.bench.production import scalar
from tests.harness.processes import production_installation
from tests.harness.servers import wait_for

RATE = 1_000
DRAIN_LIMIT = 60
# The commit is what counts: ``ended_at`` is read before it.
LATE = """
SELECT count(*), min(late), percentile_cont(0.5) WITHIN GROUP (ORDER BY late),
       percentile_cont(0.99) WITHIN GROUP (ORDER BY late), max(late),
       count(*) / extract(epoch FROM max(ended_at) - min(ended_at)), min(ended_at - due)
FROM (
    SELECT extract(epoch FROM {end} - w.wake_at) AS late, r.ended_at, w.wake_at AS due
    FROM workflows_run r JOIN workflows_wait w ON w.run_id = r.id
    WHERE r.workflow_id = %s AND r.id > %s AND r.status = 'ended'
) ends
"""


def measure_timers(report, scale, folder):
    """How late waits end beside many others, what finding them costs, and what the worker holds."""
    with production_installation(folder) as site:
        floor = postgres_floors(site.database_url)
        begun = time.perf_counter()
        shop = ask(site, "filling", "waiting", parked=scale.parked)
        report.add("P8", f"{scale.parked} parked timers inserted", time.perf_counter() - begun, "s")
        find(report, site, shop, "parked")
        churn(report, scale, site, shop, floor)
        find(report, site, shop, "after the churn")


def churn(report, scale, site, shop, floor):
    """The due ones: never early, how late, and what each cost."""
    number = RATE * scale.timer_seconds
    # They are inserted while they still lie ahead.
    made = ask(
        site, "filling", "due", workspace=shop["workspace"], runs=number, rate=RATE, ahead=5 + number / 2_000
    )
    if made["ahead"] < 0:
        report.fail("the due runs were inserted too late")
    time.sleep(max(0.0, made["ahead"] - 0.5))
    before, memory = site.usage(), Memory(site, "worker1")
    with memory:
        wait_for(
            "the due runs to end", lambda: ended(site, made) == number, scale.timer_seconds + DRAIN_LIMIT
        )
        used = site.usage().since(before)
    rows, _least, half, most, last, rate, early = lateness(site, made)
    name = f"{RATE} due per second beside {scale.parked} parked"
    floors = f"{floor['one_commit_per_run']}, in batches {floor['one_commit_per_batch']} runs/s"
    report.add("P8", f"{name}: ended", float(rate), "runs/s", goal=str(RATE), floor=floors)
    report.add("P8", f"{name}: too early", int(early.total_seconds() < 0), "", goal="0", note=f"of {rows}")
    report.add("P8", f"{name}: late, p50", float(half) * 1000, "ms", goal="800")
    report.add("P8", f"{name}: late, p99", float(most) * 1000, "ms", goal="2000")
    report.add("P8", f"{name}: late, at most", float(last) * 1000, "ms")
    report.add("P8", f"{name}: CPU of all processes", used * 1000 / number, "ms/run")
    report.add("P8", f"{name}: worker's memory before, at most", memory.told(), "MB")


def find(report, site, shop, when):
    """The statements that find due runs, explained."""
    found = ask(site, "looking", "explain", workspace=shop["workspace"])
    for name, cost in found.items():
        note = f"planned in {cost['planning']:.1f} ms, {cost['buffers']} buffers, {cost['index']}"
        report.add("P8", f"{name}, {when}", cost["execution"], "ms", goal="10", note=note)


def lateness(site, made):
    is_told = scalar(site, "SHOW track_commit_timestamp") == "on"
    end = "pg_xact_commit_timestamp(r.xmin)" if is_told else "r.ended_at"
    url = site.database_url.replace("postgres://", "postgresql://", 1)
    with psycopg.connect(url) as connection:
        return connection.execute(LATE.format(end=end), (made["workflow"], made["first"])).fetchone()


def ended(site, made):
    sql = "SELECT count(*) FROM workflows_run WHERE workflow_id = %s AND id > %s AND status = 'ended'"
    time.sleep(0.5)
    return scalar(site, sql, made["workflow"], made["first"])


def ask(site, module, command, **options):
    """One command of a module of ours in a process of its own."""
    given = [part for name, value in options.items() for part in (f"--{name}", value)]
    return json.loads(site.run(f"tests.bench.{module}", command, *given).splitlines()[-1])


class Memory:
    """Looks at a process's memory each second while the block runs."""

    def __init__(self, site, name):
        self.site, self.name = site, name
        self.seen = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self.seen.append(self.site.usage().memory[self.name])
        self._thread.start()

    def __exit__(self, *exc):
        self._over.set()
        self._thread.join()

    def _look(self):
        while not self._over.wait(1):
            self.seen.append(self.site.usage().memory[self.name])

    def told(self):
        return f"{self.seen[0]:.0f}, {max(self.seen):.0f}"
