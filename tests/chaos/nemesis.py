"""What goes wrong, and when: a schedule that its seed fully determines."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass
from itertools import chain, repeat

from tests.chaos.cluster import WORKERS

WEIGHTS = {
    "kill worker": 6,
    "kill web": 3,
    "kill beat": 3,
    "kill redis": 1,
    "empty redis": 1,
    "kill postgres": 2,
    "freeze worker": 2,
    "cut worker": 1,
    "end worker": 1,
    "end web": 1,
}
FREEZE_SECONDS = (10.5, 12.5)
"""Longer than a lease, so that another worker takes over before the frozen one thaws."""

EXTRA = 3
"""How much rarer blows become once all have been dealt, so that a slow machine recovers."""


@dataclass(frozen=True)
class Blow:
    """One thing that goes wrong; ``gap`` seconds after the one before."""

    gap: float
    kind: str
    worker: str
    seconds: float = 0.0

    def __str__(self):
        whom = f" {self.worker}" if "worker" in self.kind else ""
        return f"+{self.gap:4.1f} s {self.kind}{whom}"


def schedule(seed, mean_gap, kinds=tuple(WEIGHTS)):
    """Blows without end: the first of them of every kind, in random order, then by weight."""
    chance = random.Random(f"nemesis:{seed}")
    weights = [WEIGHTS[kind] for kind in kinds]
    first = chance.sample(kinds, len(kinds))
    then = (chance.choices(kinds, weights)[0] for _ in repeat(None))
    for kind in chain(first, then):
        gap, worker = chance.uniform(0.5, 1.5) * mean_gap, chance.choice(WORKERS)
        yield Blow(gap, kind, worker, chance.uniform(*FREEZE_SECONDS))


class Nemesis:
    """Carries out a schedule; ``dealt`` is what really happened, with its time."""

    longest = 0.0

    def __init__(self, cluster):
        self.cluster = cluster
        self.dealt = []
        self._thaws = set()

    async def run(self, blows, number, is_fed):
        """Deal so many blows, and more while runs are still being fed; none if none are wanted."""
        for blow in blows:
            if not number or (len(self.dealt) >= number and is_fed()):
                break
            is_extra = len(self.dealt) >= number
            await asyncio.sleep(blow.gap * (EXTRA if is_extra else 1))
            self._deal(blow)
            self.dealt.append((time.time(), blow))
        if self._thaws:
            await asyncio.wait(self._thaws)

    def by_kind(self):
        return dict(Counter(blow.kind for _, blow in self.dealt).most_common())

    def _deal(self, blow):
        actor, _, whom = blow.kind.partition(" ")
        name = blow.worker if whom == "worker" else whom
        if actor == "kill":
            self.cluster.send(name, signal.SIGKILL)
        elif actor == "end":
            self.cluster.send(name, signal.SIGTERM)
        elif actor == "cut":
            self.cluster.cut(name)
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


class Rolling(Nemesis):
    """Ends workers and web processes politely, the next one once the one before has come back."""

    async def run(self, blows, number, is_fed, limit=60.0):
        names = [name for pair in zip(WORKERS, self.cluster.webs, strict=True) for name in pair]
        for blow, name in zip(blows, chain.from_iterable(repeat(names)), strict=False):
            if len(self.dealt) >= number and is_fed():
                break
            await asyncio.sleep(blow.gap)
            child = self.cluster.children[name]
            starts, begun = child.starts, time.monotonic()
            self.cluster.send(name, signal.SIGTERM)
            self.dealt.append((time.time(), Blow(blow.gap, f"end {name}", name)))
            while child.starts == starts or not self.cluster.has_come_back(name):
                await asyncio.sleep(0.3)
                if child.starts == starts and time.monotonic() - begun > limit:
                    self.cluster.send(name, signal.SIGKILL)
            self.longest = max(self.longest, time.monotonic() - begun)
