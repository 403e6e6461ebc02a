"""What goes wrong, and when: a schedule that its seed fully determines."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from dataclasses import dataclass

from tests.chaos.cluster import WORKERS

WEIGHTS = {
    "kill worker": 6,
    "kill web": 3,
    "kill beat": 3,
    "kill redis": 1,
    "empty redis": 1,
    "kill postgres": 2,
    "freeze worker": 2,
    "end worker": 1,
}
FREEZE_SECONDS = (10.5, 12.5)
"""Longer than a lease, so that another worker takes over before the frozen one thaws."""


@dataclass(frozen=True)
class Blow:
    """One thing that goes wrong; ``gap`` seconds after the one before."""

    gap: float
    kind: str
    worker: str
    seconds: float

    def __str__(self):
        whom = f" {self.worker}" if "worker" in self.kind else ""
        return f"+{self.gap:4.1f} s {self.kind}{whom}"


def schedule(seed, number, mean_gap):
    """So many blows; the first of them of every kind, in random order, then by weight."""
    chance = random.Random(f"nemesis:{seed}")
    kinds = list(WEIGHTS)[:number]
    kinds += chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=number - len(kinds))
    chance.shuffle(kinds)
    return [
        Blow(
            chance.uniform(0.5, 1.5) * mean_gap, kind, chance.choice(WORKERS), chance.uniform(*FREEZE_SECONDS)
        )
        for kind in kinds
    ]


class Nemesis:
    """Carries out a schedule; ``dealt`` is what really happened, with its time."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.dealt = []
        self._thaws = set()

    async def run(self, blows):
        for blow in blows:
            await asyncio.sleep(blow.gap)
            self._deal(blow)
            self.dealt.append((time.time(), blow))
        if self._thaws:
            await asyncio.wait(self._thaws)

    def _deal(self, blow):
        actor, _, whom = blow.kind.partition(" ")
        name = blow.worker if whom == "worker" else whom
        if actor == "kill":
            self.cluster.send(name, signal.SIGKILL)
        elif actor == "end":
            self.cluster.send(name, signal.SIGTERM)
        elif actor == "empty":
            self.cluster.empty_redis()
        else:
            self.cluster.send(name, signal.SIGSTOP)
            task = asyncio.create_task(self._thaw(name, self.cluster.children[name].process, blow.seconds))
            self._thaws.add(task)
            task.add_done_callback(self._thaws.discard)

    async def _thaw(self, name, process, seconds):
        await asyncio.sleep(seconds)
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)


class Rolling:
    """Ends the workers politely, one after the other, waiting until each has come back."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.dealt = []
        self.longest = 0.0

    async def run(self, rounds, pause=4.0, limit=60.0):
        for number in range(rounds):
            name = WORKERS[number % len(WORKERS)]
            child = self.cluster.children[name]
            starts, begun = child.starts, time.monotonic()
            self.cluster.send(name, signal.SIGTERM)
            self.dealt.append((time.time(), Blow(pause, "end worker", name, 0)))
            while child.starts == starts:
                await asyncio.sleep(0.1)
                if time.monotonic() - begun > limit:
                    self.cluster.send(name, signal.SIGKILL)
            self.longest = max(self.longest, time.monotonic() - begun)
            await asyncio.sleep(pause)
