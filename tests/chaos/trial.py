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

from tests.chaos import aftermath, invariants
from tests.chaos.client import Client
from tests.chaos.cluster import Cluster
from tests.chaos.feeders import Feeders, lanes
from tests.chaos.ledger import Ledger, lateness
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


@dataclass(frozen=True)
class Times:
    """Begin and end of the feeding (seconds since 1970), and how long things took; None: for ever."""

    begun: float
    fed: float
    drained: float | None
    longest_restart: float


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
        self.world = {}

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
            await feeders.client.close()
        left = self.unfinished()
        cluster.stop_apps()
        self.world = (await self.provider.get("/log")).json()
        self.world["listed"] = self.listed()
        times = Times(begun, fed, drained, getattr(nemesis, "longest", 0.0))
        self.judge(feeders, nemesis.dealt, times, left)
        return self.result

    async def watch(self, feeders):
        """The supervisor, and the feeders' sense of how much is under way."""
        tick = 0
        while not self.is_over:
            self.cluster.tend()
            if tick % 10 == 0:
                self.cluster.weigh()
                left = await asyncio.to_thread(self.unfinished)
                if left is not None:
                    feeders.active = left["runs"] + left["deliveries"] + left["events"] // 10
            tick += 1
            await asyncio.sleep(0.1)

    def unfinished(self):
        """What is still to be done; None while the database is away."""
        try:
            with psycopg.connect(
                self.cluster.dsn, connect_timeout=2, row_factory=psycopg.rows.dict_row
            ) as db:
                return db.execute(UNFINISHED).fetchone()
        except psycopg.Error:
            return None

    def listed(self):
        """What people are shown under "Needs attention"."""
        command = [sys.executable, "-m", "tests.chaos.listed"]
        done = subprocess.run(command, cwd=ROOT, env=self.cluster.env, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

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

    def judge(self, feeders, dealt, times, left):
        """Look at what is left and write the table."""
        result, cluster = self.result, self.cluster
        ledger = Ledger(cluster.dsn, self.site, feeders.taken, self.world)
        silence = aftermath.longest_silence(self.world, times.begun, times.fed)
        unknown = aftermath.unknown_summary(ledger)
        found = result.violations = invariants.check(ledger)
        found["I16 logs and memory"] = [
            *aftermath.logs_clean(cluster.logs(), self.site["canaries"]),
            *aftermath.memory_bounded(cluster.highest_memory),
        ]
        is_silent = silence > SILENCE_LIMIT
        found["progress within 15 s"] = [f"nothing happened for {silence:.1f} s"] if is_silent else []
        found["drained within 60 s"] = [str(left)] if times.drained is None else []
        if self.trial.is_rolling:
            found["no lease lost"] = [f"run {row['run']}" for row in ledger.lost_leases]
            found["no unknown outcome"] = [str(row) for row in unknown["list"]]
        result.blows = [blow for _, blow in dealt]
        recovery = aftermath.slowest_recovery(self.world, dealt, times.fed)
        late = sorted(seconds for _, seconds in lateness(ledger))
        own = sum(not run["parent_run_id"] for run in ledger.runs)
        memory = sorted(cluster.highest_memory.items())
        result.figures = {
            "runs asked for / made / children": f"{feeders.fed} / {own} / {len(ledger.runs) - own}",
            "requests acknowledged / made": f"{len(feeders.taken)} / {feeders.attempts}",
            "events": len(ledger.events),
            "kills, freezes and restarts": len(dealt),
            "seconds of feeding": f"{times.fed - times.begun:.0f}",
            "seconds of draining": "never" if times.drained is None else f"{times.drained:.1f}",
            "runs per second": f"{len(ledger.runs) / (times.fed - times.begun):.1f}",
            "longest silence, s": f"{silence:.1f}",
            "recovery after a kill, max, s": f"{recovery:.1f}",
            "timers late, p50 / p99 / max, s": " / ".join(
                f"{aftermath.share(late, part):.2f}" for part in (0.5, 0.99, 1)
            ),
            "leases lost": len(ledger.lost_leases),
            "answers 5xx": feeders.server_errors,
            "sends": unknown["sends"],
            "unknown sends": f"{unknown['unknown sends']}, of them interrupted by us {unknown['interrupted']}"
            f" (arrived all the same: {unknown['interrupted but arrived']})",
            "unknown calls": unknown["unknown calls"],
            "memory, MB at most": ", ".join(f"{name} {size:.0f}" for name, size in memory),
        }
        if self.trial.is_rolling:
            result.figures["longest restart, s"] = f"{times.longest_restart:.1f}"
        lines = [f"{pk}: {error}" for pk, error in unknown["list"]]
        (cluster.folder / "unknown.txt").write_text("\n".join(lines), encoding="utf-8")
        (cluster.folder / "world.json").write_text(json.dumps(self.world), encoding="utf-8")
