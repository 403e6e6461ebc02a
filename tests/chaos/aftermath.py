"""Figures of a chaos run, and what its processes wrote and took."""

from __future__ import annotations

import re
from itertools import pairwise

from tests.chaos.ledger import INTERRUPTED, lateness, wire_key

MEMORY_LIMIT = 400
EXPECTED_ERRORS = re.compile(
    r"OperationalError|InterfaceError|AdminShutdown|PoolTimeout|PoolClosed|CannotConnectNow|ConnectionError|"
    r"ConnectionRefusedError|ConnectionResetError|BrokenPipeError|TimeoutError|ConnectionDoesNotExist|"
    r"kombu\.exceptions|redis\.exceptions|IncompleteReadError|CancelledError|Fenced|InFailedSqlTransaction|"
    r"IdleInTransaction|WorkerShutdown|SystemExit|KeyboardInterrupt|has no attribute 'connection_errors'|"
    r"I/O operation on closed file|'NoneType' object has no attribute 'writelines'"
)
"""What an unreachable database or broker may leave in the logs, and a caller who hung up meanwhile."""


def unknown_summary(ledger):
    """How many outcomes are unknown and why: because a worker died, or because the provider left it open."""
    rows = [row for row in ledger.out if row["status"] == "unknown"]
    lost = [row for row in rows if row["error"].startswith(INTERRUPTED)]
    arrived = [row for row in lost if any(s["how"] in {"ok", "slow"} for s in ledger.sends[wire_key(row)])]
    calls = [visit for visit in ledger.visits if visit["kind"] == "call" and visit["status"] == "unknown"]
    sends, open_ones = len(ledger.out), len(rows) - len(lost)
    return {
        "sends": sends,
        "interrupted": f"{_percent(len(lost), sends)}, {len(arrived)} had arrived",
        "left open": _percent(open_ones, sends),
        "unknown calls": len(calls),
        "list": [(row["id"], row["error"][:80]) for row in rows],
    }


def timers(ledger):
    """How late timers were, apart for runs whose worker was killed while it held them."""
    lost = {row["run"] for row in ledger.lost_leases}
    parts = {"all": [], "undisturbed": [], "worker lost": []}
    for run, seconds in lateness(ledger):
        parts["all"].append(seconds)
        parts["worker lost" if run in lost else "undisturbed"].append(seconds)
    parts = {name: sorted(late) for name, late in parts.items()}
    return {
        f"timers late, s: {name}": " / ".join(f"{share(late, part):.2f}" for part in (0.5, 0.99, 1))
        + f" (p50 / p99 / max of {len(late)})"
        for name, late in parts.items()
    }


def _percent(part, whole):
    return f"{part} of {whole} ({100 * part / max(1, whole):.2f} %)"


def logs_clean(paths, canaries):
    """I16: no error that an outage does not explain, no secret in any log."""
    for name, path in paths.items():
        text = path.read_text(encoding="utf-8", errors="replace")
        yield from (f"{name}.log holds a secret" for canary in canaries if canary in text)
        if name in {"postgres", "redis", "proxy"}:
            continue
        for block in _tracebacks(text):
            if not EXPECTED_ERRORS.search(block):
                yield f"{name}: {block[-300:]}"


def _tracebacks(text):
    """Each traceback as one text, chained ones together."""
    link = r"\n*(?:During handling|The above exception)[^\n]*\n+"
    one = r"Traceback \(most recent call last\):\n(?:(?:[ \t][^\n]*)?\n)+[^\n]*\n?(?:[ \t][^\n]*\n)*"
    return [found.group() for found in re.finditer(f"{one}(?:{link}{one})*", text)]


def memory_bounded(samples):
    """I16: none of isflow's own processes takes too much."""
    for name, size in samples.highest_memory.items():
        if size > MEMORY_LIMIT and name not in samples.others:
            yield f"{name} took {size:.0f} MB"


def moments(world):
    """When the outside world heard of us."""
    return sorted(entry["at"] for entry in (*world["sends"], *world["calls"]))


def longest_silence(world, begun, fed):
    """The longest time in which the outside world saw nothing of us, while runs were being fed."""
    times = [begun, *(at for at in moments(world) if begun < at < fed), fed]
    return max(later - earlier for earlier, later in pairwise(times))


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
