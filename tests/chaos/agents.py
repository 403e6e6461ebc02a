"""Agents with an open inbox during a chaos run: a socket, a list, and the rules of the page's own script.

Each follows static/ui/live.js and inbox_list.js: a frame counts if its number follows the last one; if those
before it do not come soon, the first page of the list is fetched anew. At the end each list must equal the
database.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress

from tests.chaos.client import Client
from tests.chaos.rows import Rows
from tests.chaos.sockets import Closed, Socket

FIRST_DELAY, LAST_DELAY = 1.0, 30.0
PING_EVERY, ANSWER_WITHIN = 25.0, 10.0
ACK_AFTER = 0.2
GRACE = 2.0
PATIENCE = 0.3
FETCH_AGAIN = 2.0
SETTLE_LIMIT = 60.0
MOST = 2000
"""Rows of a list that are compared."""


class Agent:
    """One person's page."""

    def __init__(self, person, site, url, seed):
        self.name, self.status, self.url = person["email"], person["status"], url
        self.rows = Rows(self.status)
        self.cookie = {"Cookie": f"sessionid={person['session']}"}
        self.live = f"/ws/w/{site['slug']}/live/"
        self.list = f"/w/{site['slug']}/inbox/rows/?status={self.status}"
        self.client = Client(url)
        self.chance = random.Random(f"agent:{seed}:{self.name}")
        self.stream, self.number = "inbox", None
        self.early = {}
        self.socket = None
        self.failures = self.connections = self.fetches = self.frames = self.received = 0
        self.held = None
        self.is_stale = False
        self.fetching = None
        self.is_denied = False
        self.awake, self.answered = asyncio.Event(), asyncio.Event()

    async def live_on(self):
        """Stay connected until cancelled."""
        while not self.is_denied:
            with suppress(OSError, TimeoutError):
                await self._connection()
            self.socket = None
            self.failures += 1
            delay = min(LAST_DELAY, FIRST_DELAY * 2 ** (self.failures - 1))
            with suppress(TimeoutError):
                async with asyncio.timeout(delay * (1 + 0.3 * self.chance.random())):
                    await self.awake.wait()
            self.awake.clear()

    async def _connection(self):
        async with asyncio.timeout(ANSWER_WITHIN):
            socket = await Socket.open(self.url, self.live, self.cookie)
        pings = asyncio.create_task(self._ping(socket))
        try:
            while True:
                async with asyncio.timeout(PING_EVERY + ANSWER_WITHIN):
                    self._hear(socket, await socket.hear())
        except Closed as closed:
            self.is_denied = closed.code in {4401, 4403}
        finally:
            pings.cancel()
            socket.close()

    async def _ping(self, socket):
        last = time.monotonic()
        acknowledged = 0
        while True:
            await asyncio.sleep(ACK_AFTER)
            if self.received != acknowledged:
                acknowledged = self.received
                socket.say({"ack": acknowledged})
            if time.monotonic() - last > PING_EVERY:
                last = time.monotonic()
                socket.say({"ping": 1})

    def _hear(self, socket, message):
        if "hello" in message:
            self.socket, self.failures, self.received = socket, 0, 0
            self.connections += 1
            socket.say({"subscribe": ["inbox"]})
        elif "subscribed" in message:
            missed = self.number is None or self.number != message["n"]
            self.stream = message["stream"]
            if missed:
                self._gap(message["n"])
        elif "pong" in message:
            self.answered.set()
            ahead = message["pong"].get(self.stream, 0)
            if self.number is not None and ahead > self.number:
                asyncio.get_running_loop().call_later(GRACE, self._still_behind, ahead)
        elif "lost" in message:
            self._gap(None)
        elif "s" in message:
            self._frame(message)

    def _still_behind(self, number):
        if self.number is not None and self.number < number:
            self._gap(number)

    def _frame(self, message):
        self.received += 1
        if message["s"] != self.stream or "n" not in message:
            return
        if self.number is None or message["n"] == self.number + 1:
            self._frame_next(message)
            self._catch_up()
        elif message["n"] > self.number:
            self.early[message["n"]] = message
            if len(self.early) == 1:
                patience = PATIENCE * (1 + self.chance.random())
                asyncio.get_running_loop().call_later(patience, self._give_up)

    def _catch_up(self):
        """Frames that overtook others have their turn now."""
        while (message := self.early.pop(self.number + 1, None)) is not None:
            self._frame_next(message)

    def _give_up(self):
        """What should have come before the early frames was lost."""
        if self.early:
            self._gap(max(self.early))

    def _frame_next(self, message):
        self.number = message["n"]
        self.frames += 1
        # What comes while the list is being fetched is applied after it: it may be newer.
        self._apply(message) if self.held is None else self.held.append(message)

    def _apply(self, message):
        if message["k"] == "conversation":
            self.rows.take(message["d"])
        elif message["k"] == "gone":
            self.rows.rows.pop(message["d"]["contact"], None)

    def _gap(self, number):
        self.early.clear()
        self.number = number
        self.is_stale = True
        if self.fetching is None or self.fetching.done():
            self.fetching = asyncio.create_task(self._refresh())

    async def _refresh(self):
        while self.is_stale:
            self.is_stale, self.held = False, []
            self.fetches += 1
            reply = await self.client.get(self.list, self.cookie)
            held, self.held = self.held, None
            if reply.status == 200:
                self.rows.replace(reply.json())
            else:
                self.is_stale = True
            for message in held:
                self._apply(message)
            if reply.status != 200:
                await asyncio.sleep(FETCH_AGAIN)

    async def settle(self):
        """Let the page notice what it has missed, as its next ping would; whether it did in time."""
        self.awake.set()
        end = time.monotonic() + SETTLE_LIMIT
        while self.socket is None and time.monotonic() < end:  # noqa: ASYNC110 - a page is asked
            await asyncio.sleep(0.1)
        if self.socket is None:
            return False
        self.answered.clear()
        self.socket.say({"ping": 1})
        with suppress(TimeoutError):  # then the connection is given up, and asks for everything anew
            async with asyncio.timeout(ANSWER_WITHIN):
                await self.answered.wait()
        await asyncio.sleep(GRACE + 1)
        while self.is_stale or (self.fetching and not self.fetching.done()):
            await asyncio.sleep(0.1)
            if time.monotonic() > end:
                return False
        return True


class Agents:
    """All of them."""

    def __init__(self, site, url, seed):
        self.people = [Agent(person, site, url, seed) for person in site["agents"]]
        self.tasks = []
        self.settled = []

    def start(self):
        self.tasks = [asyncio.create_task(agent.live_on()) for agent in self.people]

    async def finish(self):
        """Wait until the pages show what they can know, and close them."""
        self.settled = await asyncio.gather(*(agent.settle() for agent in self.people))
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for agent in self.people:
            await agent.client.close()

    def figures(self):
        total = {
            name: sum(getattr(agent, name) for agent in self.people)
            for name in ("connections", "frames", "fetches")
        }
        rows = sum(len(agent.rows.rows) for agent in self.people)
        told = ", ".join(f"{number} {name}" for name, number in total.items())
        return f"{len(self.people)}: {told}, {rows} rows at the end"

    def violations(self, truth):
        """I14: each list equals the beginning of what the database would list for this person now."""
        for agent, is_settled in zip(self.people, self.settled, strict=True):
            if not is_settled:
                yield f"{agent.name} could not be brought up to date"
                continue
            shown, stored = agent.rows.shown()[:MOST], truth[agent.name]
            expected = stored[: len(shown)] if agent.rows.has_more else stored
            if shown != expected:
                wrong = [row for row in shown if row not in expected]
                told = f"sees {len(shown)} rows ({agent.status}), {len(wrong)} of them wrong: {wrong[:1]}"
                real = [row for row in expected if wrong and row["contact"] == wrong[0]["contact"]]
                yield f"{agent.name} {told}; the database has {len(expected)} and {real}"
