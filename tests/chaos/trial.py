"""One chaos run from the first process to the verdict."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

import psycopg

from tests.chaos import invariants
from tests.chaos.client import Client
from tests.chaos.cluster import Cluster
from tests.chaos.feeders import Feeders, lanes
from tests.chaos.nemesis import Nemesis, Rolling, schedule
from tests.harness.servers import ROOT, stop

DRAIN_LIMIT = 60
SILENCE_LIMIT = 15
SHOWN = 8
UNFINISHED = """
SELECT (SELECT count(*) FROM workflows_run WHERE status <> 'ended') AS runs,
       (SELECT count(*) FROM workflows_event WHERE is_pending) AS events,
       (SELECT count(*) FROM conversations_message WHERE status IN ('queued', 'sending')) AS messages,
       (SELECT count(*) FROM channels_app_inbounddelivery
        WHERE status = 'received' AND error NOT LIKE 'Status of%%') AS deliveries
"""


@dataclass(frozen=True)
class Trial:
    """What is to be tried."""

    seed: int
    runs: int
    kills: int
    gap: float = 4.0
    is_rolling: bool = False
    planted: str = ""

    @property
    def per_second(self):
        return self.runs / (self.kills * self.gap)


@dataclass
class Result:
    """What came of it."""

    trial: Trial
    violations: dict = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    blows: list = field(default_factory=list)

    @property
    def is_good(self):
        return not any(self.violations.values())

    def table(self):
        lines = [f"chaos: seed {self.trial.seed}", *(f"  {blow}" for blow in self.blows), ""]
        for name, value in self.figures.items():
            lines.append(f"{name:<34} {value}")
        lines.append("")
        for name, found in self.violations.items():
            lines.append(f"{name:<34} {'ok' if not found else f'{len(found)} VIOLATIONS'}")
            lines += [f"    {sentence}" for sentence in found[:SHOWN]]
        return "\n".join([*lines, "", "GOOD" if self.is_good else "BAD", ""])


def run_trial(trial, folder):
    """Start everything, feed, harm, heal, drain, check."""
    settings = "tests.chaos.settings" if trial.planted else "isflow.settings.prod"
    cluster = Cluster(folder, settings, trial.planted)
    manner = "behave" if trial.is_rolling else "misbehave"
    command = [sys.executable, "-m", "tests.chaos.provider", str(trial.seed), manner]
    provider = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        port = int(provider.stdout.readline())
        cluster.start_stores(f"127.0.0.1:{port}")
        people = json.dumps({lane: n for lane, n in lanes(trial.runs).items() if lane != "channel"})
        command = [sys.executable, "-m", "tests.chaos.seed", f"http://127.0.0.1:{port}", people]
        seeded = subprocess.run(command, cwd=ROOT, env=cluster.env, stdout=subprocess.PIPE, check=True)
        site = json.loads(seeded.stdout)
        cluster.start_apps()
        return asyncio.run(Play(trial, cluster, site, f"http://127.0.0.1:{port}").play())
    finally:
        cluster.stop()
        stop(provider, signal.SIGKILL)
        provider.stdout.close()


class Play:
    """The asynchronous part of one trial."""

    def __init__(self, trial, cluster, site, provider):
        self.trial, self.cluster, self.site = trial, cluster, site
        self.provider = Client(provider)
        self.result = Result(trial)
        self.is_over = False

    async def play(self):
        cluster, trial = self.cluster, self.trial
        await self.provider.post("/start", {"web": cluster.web_url, "channels": self.site["channels"]})
        with (cluster.folder / "history.jsonl").open("w", encoding="utf-8") as history:
            feeders = Feeders(self.site, cluster.web_url, trial.seed, history)
            watch = asyncio.create_task(self.watch(feeders))
            begun = time.time()
            nemesis = Rolling(cluster) if trial.is_rolling else Nemesis(cluster)
            harm = nemesis.run(
                trial.kills if trial.is_rolling else schedule(trial.seed, trial.kills, trial.gap)
            )
            feed = asyncio.create_task(feeders.feed(trial.runs, trial.per_second))
            await asyncio.gather(feed, harm)
            fed = time.time()
            drained = await self.drain()
            self.is_over = True
            await watch
        world = (await self.provider.get("/log")).json()
        self.judge(feeders, nemesis, world, begun, fed, drained)
        return self.result

    async def watch(self, feeders):
        """The supervisor, and the feeders' sense of how much is under way."""
        tick = 0
        while not self.is_over:
            self.cluster.tend()
            if tick % 10 == 0:
                self.cluster.weigh()
                feeders.active = (await asyncio.to_thread(self.unfinished) or {"runs": feeders.active})["runs"]
            tick += 1
            await asyncio.sleep(0.1)

    def unfinished(self):
        """What is still to be done; None while the database is away."""
        try:
            with psycopg.connect(self.cluster.dsn, connect_timeout=2, row_factory=psycopg.rows.dict_row) as db:
                return db.execute(UNFINISHED).fetchone()
        except psycopg.Error:
            return None

    async def drain(self):
        """Wait until nothing is left to do; how many seconds it took, or None if it never ended."""
        begun = time.monotonic()
        while time.monotonic() - begun < DRAIN_LIMIT:
            waiting = (await self.provider.get("/idle")).json()["waiting"]
            left = await asyncio.to_thread(self.unfinished)
            if not waiting and left is not None and not any(left.values()):
                return time.monotonic() - begun
            await asyncio.sleep(0.3)
        return None

    def judge(self, feeders, nemesis, world, begun, fed, drained):
        result, ledger = self.result, invariants.Ledger(self.cluster.dsn, self.site, feeders.taken, world)
        result.violations = invariants.check(ledger)
        logs = [*invariants.logs_clean(self.cluster.logs(), self.site["canaries"])]
        result.violations["I16 logs and memory"] = [
            *logs,
            *invariants.memory_bounded(self.cluster.highest_memory),
        ]
        silence = longest_silence(world, begun, fed)
        late = sorted(seconds for _, seconds in invariants.lateness(ledger))
        unknown = invariants.unknown_summary(ledger)
        result.violations["progress within 15 s"] = (
            [f"nothing happened for {silence:.1f} s"] if silence > SILENCE_LIMIT else []
        )
        result.violations["drained within 60 s"] = [] if drained is not None else [str(self.unfinished())]
        if self.trial.is_rolling:
            result.violations["no lease lost"] = [f"run {row['run']}" for row in ledger.lost_leases]
            result.violations["no unknown outcome"] = [str(row) for row in unknown["list"]]
        result.blows = [blow for _, blow in nemesis.dealt]
        result.figures = {
            "runs (with children)": f"{len([r for r in ledger.runs if not r['parent_run_id']])} ({len(ledger.runs)})",
            "requests acknowledged / made": f"{len(feeders.taken)} / {feeders.attempts}",
            "events": len(ledger.events),
            "kills, freezes and restarts": len(nemesis.dealt),
            "seconds of feeding": f"{fed - begun:.0f}",
            "seconds of draining": "never" if drained is None else f"{drained:.1f}",
            "runs per second": f"{len(ledger.runs) / (fed - begun):.1f}",
            "longest silence, s": f"{silence:.1f}",
            "recovery after a kill, max, s": f"{slowest_recovery(world, nemesis.dealt, fed):.1f}",
            "timers late, p50 / p99 / max, s": " / ".join(f"{share(late, q):.2f}" for q in (0.5, 0.99, 1)),
            "leases lost": len(ledger.lost_leases),
            "answers 5xx": feeders.server_errors,
            "sends": unknown["sends"],
            "unknown sends": f"{unknown['unknown sends']}, of them interrupted by us {unknown['interrupted']}"
            f" (arrived all the same: {unknown['interrupted but arrived']})",
            "unknown calls": unknown["unknown calls"],
            "memory, MB at most": ", ".join(
                f"{name} {size:.0f}" for name, size in sorted(self.cluster.highest_memory.items())
            ),
        }
        if self.trial.is_rolling:
            result.figures["longest restart, s"] = f"{nemesis.longest:.1f}"
        lines = [f"{pk}: {error}" for pk, error in unknown["list"]]
        (self.cluster.folder / "unknown.txt").write_text("\n".join(lines), encoding="utf-8")
        (self.cluster.folder / "world.json").write_text(invariants.dump(ledger), encoding="utf-8")


def moments(world):
    return sorted(entry["at"] for entry in (*world["sends"], *world["calls"]))


def longest_silence(world, begun, fed):
    """The longest time in which the outside world saw nothing of us, while runs were being fed."""
    times = [begun, *(at for at in moments(world) if begun < at < fed), fed]
    return max((later - earlier for earlier, later in zip(times, times[1:], strict=False)), default=0)


def slowest_recovery(world, dealt, fed):
    """Seconds from a blow to the next sign of life; the worst of them."""
    times = moments(world)
    waits = []
    for at, _ in dealt:
        following = next((moment for moment in times if moment > at), None)
        if following is not None and at < fed:
            waits.append(following - at)
    return max(waits, default=0)


def share(values, part):
    """A quantile of sorted values."""
    return values[min(len(values) - 1, int(part * len(values)))] if values else 0
