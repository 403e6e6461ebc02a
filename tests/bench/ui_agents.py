"""A room full of agents: ``python -m tests.bench.ui_agents <url> <slug> <file of session keys>``.

One real web socket each, in one process without Django. An agent keeps a list as a browser does: frames in
order are applied, a gap makes it fetch the list anew. ``--counting`` lets each fetch the numbers on the tabs
after a frame, as the page's script does. Says ``ready`` on standard output; after a line on standard input it
tells what arrived when, as one line of JSON, and leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import resource
import struct
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

OPENING_AT_ONCE = 20
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
ACK_SECONDS = 0.2
COUNT_SECONDS = 0.25


class Room:
    """All agents, and when each event reached how many of them."""

    def __init__(self, options):
        self.parts = urlsplit(options.url)
        self.slug = options.slug
        self.counting = options.counting
        self.known = {}
        self.arrivals = {}
        self.gaps = self.closed = self.counts = 0
        self.pause = 0.0

    def read(self, body):
        """Parse each text once: all agents get the same."""
        message = self.known.get(body)
        if message is None:
            message = self.known[body] = json.loads(body)
        return message

    async def fetch(self, key, path):
        """JSON of one of the inbox's addresses, as the holder of that session."""
        reader, writer = await asyncio.open_connection(self.parts.hostname, self.parts.port)
        head = (
            f"GET /w/{self.slug}/inbox/{path} HTTP/1.1\r\nHost: {self.parts.netloc}\r\nConnection: close\r\n"
            f"Sec-Fetch-Mode: cors\r\nAccept: application/json\r\nCookie: sessionid={key}\r\n\r\n"
        )
        writer.write(head.encode())
        answer = await reader.read()
        writer.close()
        return json.loads(answer.partition(b"\r\n\r\n")[2])


class Agent(asyncio.Protocol):
    """One browser."""

    def __init__(self, room, key):
        self.room, self.key = room, key
        self.ready = asyncio.get_running_loop().create_future()
        self.buffer = b""
        self.open = False
        self.number = None
        self.pause = room.pause
        self.rows = {}
        self.changed = 0.0
        self.received = 0
        self.timers = {}
        self.tasks = set()

    def connection_made(self, transport):
        self.transport = transport
        room = self.room
        lines = [
            f"GET /ws/w/{room.slug}/live/ HTTP/1.1",
            f"Host: {room.parts.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            f"Origin: {room.parts.scheme}://{room.parts.netloc}",
            f"Cookie: sessionid={self.key}",
        ]
        transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    def connection_lost(self, _error):
        self.room.closed += 1
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("closed before it was ready"))

    def data_received(self, data):
        now = time.time()
        self.buffer += data
        if not self.open:
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head:
                raise ConnectionError(head.decode("latin-1"))
            self.open, self.buffer = True, rest
        while (taken := taken_frame(self.buffer)) is not None:
            code, body, self.buffer = taken
            if code == TEXT:
                self.hear(self.room.read(body), now)
            elif code == PING:
                self.send(PONG, body)

    def hear(self, message, now):
        if "hello" in message:
            self.say({"subscribe": ["inbox"]})
        elif "subscribed" in message:
            self.number = message["n"]
            self.ready.set_result(None)
        elif "lost" in message:
            self.refetch()
        elif "n" in message:
            self.frame(message, now)

    def frame(self, message, now):
        self.received += 1
        self.later("ack", ACK_SECONDS, lambda: self.say({"ack": self.received}))
        if self.room.counting:
            wait = COUNT_SECONDS + 2 * random.random() * self.pause
            self.later("count", wait, lambda: self.run(self.count()))
        if message["n"] > self.number + 1:
            self.refetch()
        if message["n"] != self.number + 1:
            return
        self.number = message["n"]
        row = message["d"]
        if message["k"] == "gone":
            self.rows.pop(row["contact"], None)
        else:
            self.rows[row["contact"]] = row
            self.room.arrivals.setdefault(row["preview"], []).append(now)
        self.changed = now

    def refetch(self):
        self.room.gaps += 1
        self.run(self.fetch_rows())

    async def fetch_rows(self):
        await asyncio.sleep(random.random() * 0.2)
        page = await self.room.fetch(self.key, "rows/?tab=all&status=open")
        self.rows = {row["contact"]: row for row in page["rows"]}
        self.changed = time.time()

    async def count(self):
        self.pause = (await self.room.fetch(self.key, "counts/"))["pause"]
        self.room.counts += 1

    def later(self, name, seconds, action):
        """Do it once, that much later, however often it is asked for meanwhile."""
        if name not in self.timers:
            self.timers[name] = asyncio.get_running_loop().call_later(seconds, self.due, name, action)

    def due(self, name, action):
        del self.timers[name]
        action()

    def run(self, work):
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def say(self, message):
        self.send(TEXT, json.dumps(message).encode())

    def send(self, code, body):
        # A mask of zeros is a mask, too.
        self.transport.write(bytes([0x80 | code, 0x80 | len(body)]) + b"\0\0\0\0" + body)


def taken_frame(data):
    """The first frame of the data, as (code, body, rest); None before it is complete."""
    if len(data) < 2:
        return None
    size, start = data[1] & 0x7F, 2
    if size >= 126:
        start = 4 if size == 126 else 10
        if len(data) < start:
            return None
        (size,) = struct.unpack(">H" if start == 4 else ">Q", data[2:start])
    end = start + size
    return (data[0] & 0x0F, data[start:end], data[end:]) if len(data) >= end else None


async def run(options, keys):
    room = Room(options)
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(OPENING_AT_ONCE)
    begun = time.perf_counter()

    async def enter(key):
        async with gate:
            _, agent = await loop.create_connection(
                lambda: Agent(room, key), room.parts.hostname, room.parts.port
            )
            await asyncio.wait_for(agent.ready, 60)
            return agent

    agents = await asyncio.gather(*(enter(key) for key in keys))
    # Pages that were loaded while the others were here know how many there are.
    room.pause = (await room.fetch(keys[0], "counts/"))["pause"]
    for agent in agents:
        agent.pause = room.pause
    tell({"ready": len(agents), "seconds": time.perf_counter() - begun})
    await loop.run_in_executor(None, sys.stdin.readline)
    page = await room.fetch(keys[0], "rows/?tab=all&status=open")
    wanted = {row["contact"]: row for row in page["rows"]}
    shown = [newest(agent.rows, len(wanted)) for agent in agents]
    told = {
        "arrivals": room.arrivals,
        "equal": sum(rows == wanted for rows in shown),
        "changed": max(agent.changed for agent in agents),
        "gaps": room.gaps,
        "closed": room.closed,
        "counts": room.counts,
        "rows": len(wanted),
        "cpu": time.process_time(),
    }
    tell(told)


def tell(what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def newest(rows, number):
    """The part of a list that the first page shows."""
    first = sorted(rows.values(), key=lambda row: row["at"], reverse=True)[:number]
    return {row["contact"]: row for row in first}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("slug")
    parser.add_argument("keys")
    parser.add_argument("--counting", action="store_true")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 20_000), most))
    options = parser.parse_args()
    asyncio.run(run(options, Path(options.keys).read_text(encoding="utf-8").split()))


if __name__ == "__main__":
    main()
