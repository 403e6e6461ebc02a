"""One chaos run from the first process to the verdict."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from tests.chaos.agents import Agents
from tests.chaos.client import Client
from tests.chaos.cluster import Cluster
from tests.chaos.feeders import Feeders, lanes
from tests.chaos.nemesis import WEIGHTS, Nemesis, Rolling, schedule
from tests.chaos.samples import EVERY, Samples, look
from tests.chaos.verdict import Evidence, Times, judge
from tests.harness.servers import ROOT, stop

RESTART = 5
"""Seconds that a polite restart takes, until the new process works."""
VISITORS = 20
"""Requests a second beside the feeding, while restarts must go unnoticed."""


@dataclass(frozen=True)
class Trial:
    """What is to be tried. ``gap``: mean seconds between two blows; feeding takes as long as all of them."""

    seed: int
    runs: int
    kills: int
    gap: float = 3.6
    is_rolling: bool = False
    planted: str = ""
    agents: int = 20
    kinds: tuple = tuple(WEIGHTS)
    manner: str = "misbehave"
    per_second: float = 0.0
    drain_limit: int = 60

    @property
    def pace(self):
        gap = self.gap + (RESTART if self.is_rolling else 0)
        return self.per_second or self.runs / (self.kills * gap)


def run_trial(trial, folder):
    """Start everything, feed, harm, heal, drain, check."""
    settings = "tests.chaos.settings" if trial.planted else "isflow.settings.prod"
    cluster = Cluster(folder, settings, trial.planted, ("web1", "web2") if trial.is_rolling else ("web",))
    command = [sys.executable, "-m", "tests.chaos.provider", str(trial.seed), trial.manner]
    provider = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        address = f"127.0.0.1:{int(provider.stdout.readline())}"
        cluster.start_stores(address)
        site = _fill(trial, cluster, f"http://{address}")
        cluster.start_apps()
        samples = Samples(cluster, {"harness": os.getpid(), "provider": provider.pid})
        return asyncio.run(Play(trial, cluster, site, f"http://{address}", samples).play())
    finally:
        cluster.stop()
        stop(provider, signal.SIGKILL)
        provider.stdout.close()


def _fill(trial, cluster, provider):
    """Let a process of the installation make workflows and people; what the feeders must know of them."""
    people = json.dumps({lane: n for lane, n in lanes(trial.runs).items() if lane != "channel"})
    return _ask(cluster, "tests.chaos.seed", provider, people, str(trial.agents))


def _ask(cluster, module, *arguments):
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=cluster.env, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


class Play:
    """The asynchronous part of one trial."""

    def __init__(self, trial, cluster, site, provider, samples):
        self.trial, self.cluster, self.site, self.samples = trial, cluster, site, samples
        self.provider = Client(provider)
        self.agents = Agents(site, cluster.web_url, trial.seed)
        self.nemesis = (Rolling if trial.is_rolling else Nemesis)(cluster)
        self.is_over = False

    async def play(self):
        trial, cluster = self.trial, self.cluster
        await self.provider.post("/start", {"web": cluster.web_url, "channels": self.site["channels"]})
        with (cluster.folder / "history.jsonl").open("w", encoding="utf-8") as history:
            keep = not trial.is_rolling
            self.feeders = Feeders(self.site, cluster.web_url, trial.seed, history, keep=keep)
            watch = [asyncio.create_task(self.tend()), asyncio.create_task(self.tell())]
            self.agents.start()
            if trial.is_rolling:
                visitors = asyncio.create_task(self.feeders.call_steadily(VISITORS))
            begun = time.time()
            blows = schedule(trial.seed, trial.gap, trial.kinds)
            feed = asyncio.create_task(self.feeders.feed(trial.runs, trial.pace))
            await asyncio.gather(feed, self.nemesis.run(blows, trial.kills, feed.done))
            fed = time.time()
            drained = await self.drain()
            if trial.is_rolling:
                visitors.cancel()
            await self.agents.finish()
            self.is_over = True
            await asyncio.gather(*watch)
            await self.feeders.client.close()
        left = look(cluster.dsn)
        cluster.stop_apps()
        world = (await self.provider.get("/log")).json()
        await self.provider.close()
        world["listed"] = _ask(cluster, "tests.chaos.listed", json.dumps(self.site["agents"]))
        world["pages"] = list(self.agents.violations(world["listed"]["inboxes"]))
        times = Times(begun, fed, drained, self.nemesis.longest)
        return judge(Evidence(trial, self, world, times, left))

    async def tend(self):
        """The supervisor, and the feeders' sense of how much is under way."""
        tick = 0
        while not self.is_over:
            self.cluster.tend()
            if tick % 10 == 0:
                self.samples.weigh()
                left = await asyncio.to_thread(look, self.cluster.dsn)
                if left is not None:
                    self.feeders.active = left["runs"] + left["deliveries"] + left["events"] // 10
            tick += 1
            await asyncio.sleep(0.1)

    async def tell(self):
        """Say every ten seconds how it goes."""
        while not self.is_over:
            await self.samples.take(
                fed=self.feeders.fed, active=self.feeders.active, kills=len(self.nemesis.dealt)
            )
            for _ in range(int(EVERY * 5)):
                if not self.is_over:
                    await asyncio.sleep(0.2)

    async def drain(self):
        """Wait until nothing is left to do; how many seconds it took, or None if it never ended."""
        begun = time.monotonic()
        while time.monotonic() - begun < self.trial.drain_limit:
            waiting = (await self.provider.get("/idle")).json()["waiting"]
            left = await asyncio.to_thread(look, self.cluster.dsn)
            if not waiting and left is not None and not any(left.values()):
                return time.monotonic() - begun
            await asyncio.sleep(0.3)
        return None
