"""What the installation takes while it runs: looked at every ten seconds; in a soak it must stay flat."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from contextlib import suppress

import psutil
import psycopg
from psycopg.rows import dict_row

EVERY = 10.0
ENOUGH = 60
"""Fewer samples than this say nothing about a trend."""
GROWTH = 1.1
SLACK = {"connections": 10, "oldest due, s": 5.0, "bytes per run": 300, "counters, bytes per stream": 300}
RSS_SLACK = 10.0
"""MB by which a process may differ, besides the growth."""
LOOK = """
SELECT (SELECT count(*) FROM workflows_run WHERE status <> 'ended') AS runs,
       (SELECT count(*) FROM workflows_event WHERE is_pending) AS events,
       (SELECT count(*) FROM conversations_message WHERE status IN ('queued', 'sending')) AS messages,
       (SELECT count(*) FROM channels_app_inbounddelivery
        WHERE status = 'received' AND error NOT LIKE 'Status of%%') AS deliveries
"""
DEEP = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
       (SELECT coalesce(extract(epoch FROM now() - min(wake_at)), 0) FROM workflows_run
        WHERE wake_at < now())::float AS "oldest due, s",
       (SELECT pg_total_relation_size('workflows_run') / greatest(count(*), 1) FROM workflows_run)::float
        AS "bytes per run",
       (SELECT sum(pg_total_relation_size(oid)) / greatest((SELECT count(*) FROM workspaces_livestream), 1)
        FROM pg_class WHERE relname IN
        ('workspaces_livestream', 'conversations_channelpace', 'conversations_recipientpace'))::float
        AS "counters, bytes per stream"
"""


def look(dsn, sql=LOOK):
    """One row of figures; None while the database is away."""
    try:
        with psycopg.connect(dsn, connect_timeout=2, row_factory=dict_row) as db:
            return db.execute(sql).fetchone()
    except psycopg.Error:
        return None


class Samples:
    """Takes them, adds up the CPU that every process has used, and judges."""

    def __init__(self, cluster, others):
        self.cluster, self.others = cluster, others
        self.taken = []
        self.highest_memory = {}
        self._cpu = {}
        self._begun = time.monotonic()

    def weigh(self):
        """Note memory and CPU of each process; costs little."""
        now = {}
        for name, pid in self._pids():
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                with process.oneshot():
                    size, times = process.memory_info().rss / 1e6, process.cpu_times()
                now[name] = size
                self.highest_memory[name] = max(size, self.highest_memory.get(name, 0))
                self._cpu[name, pid] = times.user + times.system
        return now

    def _pids(self):
        children = self.cluster.children.items()
        yield from ((name, child.process.pid) for name, child in children if child.process)
        yield from self.others.items()
        with suppress(psutil.NoSuchProcess, KeyError, AttributeError):
            postgres = psutil.Process(self.cluster.children["postgres"].process.pid)
            yield from (("postgres", child.pid) for child in postgres.children())

    def cpu(self):
        """CPU seconds by name, over all lives of each process."""
        total = {}
        for (name, _), seconds in self._cpu.items():
            total[name] = total.get(name, 0.0) + seconds
        return total

    async def take(self, **known):
        """Take a sample and tell about it in one line."""
        found = await asyncio.to_thread(look, self.cluster.dsn, DEEP) or {}
        rss = self.weigh()
        at = time.monotonic() - self._begun
        sizes = {name: round(size) for name, size in rss.items()}
        self.taken.append({"at": round(at, 1), **known, **found, "rss": sizes})
        told = ", ".join(f"{name} {value}" for name, value in known.items())
        due = f"{found['oldest due, s']:.1f}" if found else "?"
        memory = " ".join(f"{name} {rss[name]:.0f}" for name in sorted(rss) if name.startswith(("w", "b")))
        connections = found.get("connections", "?")
        sys.stdout.write(
            f"[{at:5.0f} s] {told}, oldest due {due} s, {connections} connections, MB: {memory}\n"
        )
        sys.stdout.flush()

    def growing(self):
        """What is higher in the last quarter than in the one before; only a long run can tell."""
        if len(self.taken) < ENOUGH:
            return
        quarter = len(self.taken) // 4
        for name, slack in SLACK.items():
            rows = [sample.get(name) for sample in self.taken]
            yield from _compared(name, rows[-2 * quarter : -quarter], rows[-quarter:], slack)
        for name in self.taken[-1]["rss"].keys() - self.others.keys():  # those keep a history
            rows = [sample["rss"].get(name) for sample in self.taken]
            yield from _compared(f"{name}, MB", rows[-2 * quarter : -quarter], rows[-quarter:], RSS_SLACK)


def _compared(name, before, after, slack):
    before, after = ([value for value in values if value is not None] for values in (before, after))
    if before and after:
        was, became = statistics.median(before), statistics.median(after)
        if became > was * GROWTH + slack:
            yield f"{name} grew from {was:.1f} to {became:.1f} (medians of the last quarters)"
