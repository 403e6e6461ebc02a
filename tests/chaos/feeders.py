"""Who makes runs begin, through every door there is; what was acknowledged goes on record, nothing else.

A request that nobody answered, or that failed, is repeated with the same id until it is taken.
"""

from __future__ import annotations

import asyncio
import json
import random
import time

from tests.chaos.client import Client

SHARES = {"channel": 45, "hook": 35, "inbox": 10, "field": 10}
"""Percent of the runs that begin by each door."""
DUPLICATE_PERCENT = 20
REORDER_PERCENT = 10
CROWD_PERCENT = 10
"""Contacts for whom several requests come at the same moment."""
CSRF = "c" * 32
RETRY_SECONDS = 0.4
MOST_ACTIVE = 400
"""With so much under way, nobody feeds more: the machine is slow, not wrong."""


def reply_key(n):
    """Under which key an agent's page sends a reply."""
    return f"inbox{n:08d}"


def lanes(runs):
    """How many runs each door gets."""
    return {lane: runs * percent // 100 for lane, percent in SHARES.items()}


class Feeders:
    """Posts everything, at an even pace, and keeps the history."""

    def __init__(self, site, url, seed, history, *, keep=True):
        self.site, self.client = site, Client(url, keep=keep)
        self.chance = random.Random(f"feed:{seed}")
        self.history = history
        self.taken = []
        self.attempts = self.fed = self.looks = self.server_errors = 0
        self.active = 0
        self.is_done = False
        login = f"sessionid={site['session']}; csrftoken={CSRF}"
        self.browser = {"Cookie": login, "X-CSRFToken": CSRF, "Accept": "application/json"}

    async def call_steadily(self, per_second):
        """Look at the site so often, until cancelled, as a stream of visitors would."""
        tasks = set()
        while True:
            task = asyncio.create_task(self._look())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            await asyncio.sleep(1 / per_second)

    async def _look(self):
        reply = await self.client.get("/health/ready")
        self.looks += 1
        self.server_errors += reply.status >= 500

    async def feed(self, runs, per_second):
        """Let so many runs begin."""
        jobs = self._jobs(runs)
        tasks = set()
        begun = time.monotonic()
        for number, job in enumerate(jobs):
            ahead = number / per_second - (time.monotonic() - begun)
            if ahead > 0:
                await asyncio.sleep(ahead)
            while self.active > MOST_ACTIVE:
                await asyncio.sleep(0.1)
                begun += 0.1
            task = asyncio.create_task(job())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            self.fed += 1
        while tasks:
            await asyncio.wait(tasks)
        self.is_done = True

    def _jobs(self, runs):
        jobs = []
        for lane, number in lanes(runs).items():
            jobs += [self._job(lane, n) for n in range(number)]
        self.chance.shuffle(jobs)
        for place in range(len(jobs) - 1):
            if self.chance.random() * 100 < REORDER_PERCENT:
                jobs[place], jobs[place + 1] = jobs[place + 1], jobs[place]
        return jobs

    def _job(self, lane, n):
        copies = 2 if self.chance.random() * 100 < DUPLICATE_PERCENT else 1
        crowd = 3 if self.chance.random() * 100 < CROWD_PERCENT else 1
        do = {"channel": self._channel, "hook": self._hook, "inbox": self._inbox, "field": self._field}[lane]

        async def job():
            await do(n, copies, crowd)

        return job

    async def _until_taken(self, what, send, good=(200,)):
        """Repeat until it is acknowledged, then put it on record."""
        while True:
            self.attempts += 1
            reply = await send()
            self.server_errors += reply.status >= 500
            if reply.status in good:
                entry = {**what, "at": time.time(), "reply": reply.body.decode(errors="replace")[:300]}
                self.taken.append(entry)
                self.history.write(json.dumps(entry) + "\n")
                return
            if 400 <= reply.status < 500:
                raise RuntimeError(f"{what}: {reply.status} {reply.body[:300]}")
            await asyncio.sleep(RETRY_SECONDS)

    async def _channel(self, n, copies, crowd):
        """A new contact writes, once or several times at once; some messages come twice."""
        path, channel = list(self.site["channels"].items())[n % len(self.site["channels"])]
        sends = []
        for number in range(crowd):
            event = {
                "type": "message",
                "mId": f"c{n}-{number}",
                "timestamp": int(time.time() * 1000),
                "message": {"type": "text", "text": "Hello"},
            }
            body = {"contactId": f"writer{n}", "events": [event]}
            headers = {"Authorization": f"Bearer {channel['token']}"}
            what = {"lane": "channel", "mid": event["mId"], "path": path}
            send = self._sender(self.client.post, channel["hook"], body, headers)
            sends += [self._until_taken(what, send) for _ in range(copies)]
        await asyncio.gather(*sends)

    async def _hook(self, n, copies, crowd):
        """A shop calls the workflow's address for a contact, now and then three times at once."""
        sends = []
        for number in range(max(copies, crowd)):
            body = {"email": f"hook{n}@example.org", "order": f"h{n}-{number}"}
            what = {"lane": "hook", "contact": self.site["people"]["hook"][n], "order": body["order"]}
            sends.append(self._until_taken(what, self._sender(self.client.post, self.site["hook"], body, {})))
        await asyncio.gather(*sends)

    async def _inbox(self, n, copies, _crowd):
        """An agent writes to a contact."""
        contact = self.site["people"]["inbox"][n]
        form = {"text": "Hello from the agent", "key": reply_key(n), "mode": "reply"}
        send = self._sender(
            self.client.post_form, f"/w/{self.site['slug']}/inbox/{contact}/send/", form, self.browser
        )
        what = {"lane": "inbox", "contact": contact, "key": form["key"]}
        await asyncio.gather(*(self._until_taken(what, send) for _ in range(copies)))

    async def _field(self, n, _copies, _crowd):
        """An operator saves a contact's form in the admin."""
        contact = self.site["people"]["field"][n]
        form = {
            "first_name": f"field{n}",
            "email": f"field{n}@example.org",
            "country": "DE",
            "bot_enabled": "on",
            "identities-TOTAL_FORMS": "0",
            "identities-INITIAL_FORMS": "0",
        }
        path = f"/admin/contacts/contact/{contact}/change/"
        send = self._sender(self.client.post_form, path, form, {**self.browser, "Accept": "text/html"})
        await self._until_taken({"lane": "field", "contact": contact}, send, good=(302,))

    @staticmethod
    def _sender(post, *given):
        return lambda: post(*given)
