"""P15: from a provider's call to the frame on the screen of every one of a thousand agents."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time

from tests.bench.load import percentile
from tests.bench.ui_doors import Provider
from tests.bench.ui_inbox import inside
from tests.harness.processes import production_installation
from tests.harness.servers import ROOT

SENDERS = 40
SETTLE_SECONDS = 4
FLOOD_SECONDS = 40
"""A flood is more than one process can carry; so long it may take to catch up."""


def measure_live(report, scale, folder):
    """One web process, one worker."""
    agents = scale.live_agents
    with production_installation(folder) as site:
        shop = inside(site, "agents", agents=agents, slug="room")
        keys = folder / "sessions"
        keys.write_text("\n".join(shop["sessions"]), encoding="utf-8")
        provider = Provider(site.url, shop)
        asyncio.run(provider.warm(SENDERS))
        time.sleep(2)
        for counting in (False, True):
            name = f"{agents} agents" + (", each counting its tabs" if counting else "")
            steady(report, site, provider, keys, name, counting=counting)
        flood(report, site, provider, keys, f"{agents} agents")


def steady(report, site, provider, keys, name, *, counting):  # noqa: PLR0913 - what one line says
    """One message a second."""
    with Listening(site, keys, counting=counting) as room:
        report.add("P15", f"{name}: all connected", room.seconds, "s")
        before = site.usage()
        sent = asyncio.run(provider.messages("steady" + "c" * counting, rate=1, seconds=15, senders=SENDERS))
        time.sleep(SETTLE_SECONDS)
        cpu = site.usage().since(before) * 1000 / len(sent)
        told = room.tell()
    took = latencies(sent, told["arrivals"])
    expected = len(sent) * room.agents
    if len(took) < expected and not told["gaps"]:
        report.fail(f"{expected - len(took)} of {expected} frames never came")
    note = f"{told['gaps']} gaps, {told['closed']} closed, {told['counts']} counts"
    report.add("P15", f"{name}: message in, frame on screen, p50", percentile(took, 0.5), "ms", note=note)
    report.add("P15", f"{name}: message in, frame on screen, p99", percentile(took, 0.99), "ms", goal="1000")
    report.add("P15", f"{name}: CPU of all processes", cpu, "ms/message")
    late = told["changed"] - max(sent.values())
    equal = f"{told['equal']} of {room.agents} lists equal"
    if told["equal"] < room.agents:
        report.fail(equal)
    report.add("P15", f"{name}: last message in, all lists equal", late, "s", goal="3", note=equal)


def flood(report, site, provider, keys, name):
    """Twenty messages a second for five seconds; then every list must be equal to the database's."""
    with Listening(site, keys) as room:
        sent = asyncio.run(provider.messages("flood", rate=20, seconds=5, senders=SENDERS))
        time.sleep(FLOOD_SECONDS)
        told = room.tell()
    late = told["changed"] - max(sent.values())
    note = f"{told['equal']} of {room.agents} lists equal, {told['gaps']} gaps"
    if told["equal"] < room.agents:
        report.fail(note)
    report.add("P15", f"{name}: last of 100 messages in five seconds, all lists equal", late, "s", note=note)
    took = latencies(sent, told["arrivals"])
    report.add("P15", f"{name}: 20 messages a second, frame on screen, p99", percentile(took, 0.99), "ms")


def latencies(sent, arrivals):
    return [at - sent[text] for text, times in arrivals.items() if text in sent for at in times]


class Listening:
    """The agents' own process."""

    def __init__(self, site, keys, *, counting=False):
        command = [sys.executable, "-m", "tests.bench.ui_agents", site.url, "room", str(keys)]
        self._process = subprocess.Popen(
            [*command, *(["--counting"] if counting else [])],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        first = json.loads(self._process.stdout.readline())
        self.agents, self.seconds = first["ready"], first["seconds"]

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._process.kill()
        self._process.wait()

    def tell(self):
        """What arrived, once nothing more is expected."""
        return json.loads(self._process.communicate("tell\n")[0].splitlines()[-1])
