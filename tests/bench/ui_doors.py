"""P17: a provider that calls a hundred times a second, whatever our workers are doing."""

from __future__ import annotations

import asyncio
import json
import time
from urllib.parse import urlsplit

from tests.bench.load import percentile
from tests.bench.production import inside as workflow_inside
from tests.bench.production import scalar
from tests.bench.ui_inbox import inside
from tests.harness.processes import production_installation

RATE = 100
SENDERS = 200


def measure_doors(report, scale, folder):
    """Open loop: a call leaves when its time has come, even if those before it have no answer yet."""
    with production_installation(folder) as site:
        shop = inside(site, "agents", agents=2, slug="door")
        provider = Provider(site.url, shop)
        asyncio.run(provider.warm(4))
        busy = workflow_inside(site, "seed", flow="m", slug="busy", contacts=scale.bulk)
        workflow_inside(site, "insert", workspace=busy["workspace"], runs=scale.bulk)
        before = site.usage()
        provider.took.clear()
        sent = asyncio.run(provider.messages("door", rate=RATE, seconds=scale.door_seconds, senders=SENDERS))
        cpu = site.usage().since(before)
        left = scalar(site, "SELECT count(*) FROM workflows_run WHERE status <> 'ended'")
        stored = scalar(site, "SELECT count(*) FROM channels_app_inbounddelivery")
    took = provider.took
    name = f"provider's call, {RATE}/s for {scale.door_seconds} s, workers busy"
    if provider.refused or stored < len(sent):
        report.fail(f"{name}: {provider.refused} refused, {stored} of {len(sent)} stored")
    note = f"{len(took)} answered; {left} of {scale.bulk} runs left at the end"
    report.add("P17", f"{name}: p50", percentile(took, 0.5), "ms", goal="50", note=note)
    report.add("P17", f"{name}: p99", percentile(took, 0.99), "ms", goal="250")
    report.add("P17", f"{name}: CPU of all processes", cpu / scale.door_seconds, "cores")


class Provider:
    """Calls the custom channel's address."""

    def __init__(self, url, shop):
        self._parts = urlsplit(url)
        self._shop = shop
        self._idle = []
        self._number = 0
        self.took = []
        self.refused = 0

    async def warm(self, senders):
        """One message from everybody, so that everybody is known."""
        await self.messages("hello", rate=20, seconds=senders / 20, senders=senders)

    async def messages(self, word, *, rate, seconds, senders):
        """Send at that rate; when each message, by its text, was due to leave."""
        begun, due, tasks, sent = time.time(), 0.0, [], {}
        while due < seconds:
            await asyncio.sleep(max(0, begun + due - time.time()))
            self._number += 1
            text = f"{word} {self._number}"
            sent[text] = begun + due
            tasks.append(asyncio.ensure_future(self._call(text, self._number % senders, begun + due)))
            due += 1 / rate
        await asyncio.gather(*tasks)
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()
        return sent

    async def _call(self, text, sender, due):
        reader, writer = (
            self._idle.pop()
            if self._idle
            else await asyncio.open_connection(self._parts.hostname, self._parts.port)
        )
        writer.write(self._request(text, sender))
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith("content-length:")), 0)
        await reader.readexactly(length)
        self.took.append(time.time() - due)
        self.refused += " 200 " not in lines[0]
        if "connection: close" in lines:
            writer.close()
        else:
            self._idle.append((reader, writer))

    def _request(self, text, sender):
        event = {
            "type": "message",
            "mId": text.replace(" ", "-"),
            "timestamp": int(time.time() * 1000),
            "message": {"type": "text", "text": text},
        }
        body = json.dumps({"contactId": f"sender-{sender}", "events": [event]}).encode()
        head = (
            f"POST {self._shop['hook']} HTTP/1.1\r\nHost: {self._parts.netloc}\r\n"
            f"Authorization: Bearer {self._shop['token']}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body
