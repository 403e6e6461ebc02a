"""Callers in a closed loop: post a webhook, wait until the stub hears of it, post the next one."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlsplit

ANSWER_LIMIT = 30
_orders = count(1)


@dataclass
class Tally:
    """What the callers saw; times in seconds."""

    seconds: float = 0.0
    answered: list = field(default_factory=list)
    completed: list = field(default_factory=list)
    refused: int = 0
    lost: int = 0

    @property
    def per_second(self):
        return len(self.completed or self.answered) / self.seconds if self.seconds else 0.0


def percentile(values, share):
    """The value below which that share of all lies, in milliseconds; None of nothing."""
    if len(values) < 2:
        return round(values[0] * 1000, 1) if values else None
    place = statistics.quantiles(values, n=1000, method="inclusive")
    return round(place[min(998, max(0, round(share * 1000) - 1))] * 1000, 1)


class Connection:
    """One kept HTTP connection."""

    def __init__(self, url):
        self._parts = urlsplit(url)
        self._streams = None

    async def post(self, path, document):
        """Status and JSON of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        reader, writer = self._streams
        body = json.dumps(document).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._parts.netloc}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith("content-length:"))
        answer = await reader.readexactly(length)
        if "connection: close" in lines:
            writer.close()
            self._streams = None
        return int(lines[0].split(" ")[1]), answer

    def close(self):
        if self._streams is not None:
            self._streams[1].close()


def closed_loop(url, path, *, callers, seconds, contacts, stub=None, rest=0.0):  # noqa: PLR0913 - settings
    """Drive the webhook; with a stub a caller waits for its order to arrive there.

    After each order a caller rests for up to ``rest`` seconds.
    """
    return asyncio.run(_closed_loop(url, path, callers, seconds, contacts, stub, rest))


async def _closed_loop(url, path, callers, seconds, contacts, stub, rest):  # noqa: PLR0913, PLR0917 - as above
    tally = Tally()
    loop = asyncio.get_running_loop()
    arrivals = {}
    if stub is not None:
        stub.listener = lambda key: loop.call_soon_threadsafe(_arrived, arrivals, key)
    begun = time.perf_counter()
    end = begun + seconds
    people = count()

    async def caller():
        connection = Connection(url)
        while time.perf_counter() < end:
            order = f"b{next(_orders)}"
            arrival = arrivals[order] = loop.create_future()
            posted = time.perf_counter()
            document = {
                "email": f"c{next(people) % contacts}@example.org",
                "order": {"id": order, "total": 250},
            }
            status, answer = await connection.post(path, document)
            tally.answered.append(time.perf_counter() - posted)
            if status != 200 or b'"triggered"' not in answer:
                tally.refused += 1
            elif stub is not None:
                try:
                    await asyncio.wait_for(arrival, ANSWER_LIMIT)
                    tally.completed.append(stub.first[order] - posted)
                except TimeoutError:
                    tally.lost += 1
            arrivals.pop(order, None)
            if rest:
                await asyncio.sleep(random.random() * rest)
        connection.close()

    await asyncio.gather(*(caller() for _ in range(callers)))
    tally.seconds = time.perf_counter() - begun
    if stub is not None:
        stub.listener = None
    return tally


def _arrived(arrivals, key):
    arrival = arrivals.get(key)
    if arrival is not None and not arrival.done():
        arrival.set_result(None)
