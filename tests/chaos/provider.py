"""The outside world of a chaos run: a process that is never killed, counts what it is asked, and misbehaves.

``misbehave``, ``behave`` or, as ``silent``, behave and let no contact ever write or read.

Takes messages of the custom channel (``/send``) and keyed calls (``/call``), answers each well or badly as
the seed says, and then plays the contacts: they answer questions, and delivery news come in any order.
Prints its port; ``/log`` tells everything that happened, ``/idle`` how much it still has to deliver.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time

from tests.chaos.client import Client

QUESTION = "Happy"
SLOW_SECONDS = 3.0
BAD = (("429", 4), ("500", 2), ("close_before", 1), ("close_after", 1), ("slow", 2))
WELL_PERCENT = 100 - sum(percent for _, percent in BAD)
ANSWERED_PERCENT = 70
AT_THE_DEADLINE_PERCENT = 5
NEWS_PERCENT = 20
DUPLICATE_PERCENT = 20
TIMEOUT = 5.0
ANSWERS_PER_CONTACT = 2
"""An answer that comes too late opens a conversation, and its run asks again: nobody answers for ever."""


class Provider:
    """Everything the outside world remembers."""

    def __init__(self, seed, manner):
        self.seed = seed
        self.manner = manner
        self.sends, self.calls, self.answers, self.news = [], [], [], []
        self.numbers, self.patience = {}, {}
        self.channels = {}
        self.client = None
        self.waiting = set()

    def chance(self, *about):
        return random.Random(":".join(map(str, (self.seed, *about))))

    def behaviour(self, key):
        """How this request of this key goes."""
        number = self.numbers[key] = self.numbers.get(key, 0) + 1
        if self.manner != "misbehave":
            return "ok"
        names, weights = zip(("ok", WELL_PERCENT), *BAD, strict=True)
        return self.chance(key, number).choices(names, weights)[0]

    def take_message(self, headers, call, path):
        key, how = headers.get("idempotency-key", ""), ""
        how = self.behaviour(key)
        text = call["message"].get("text", "")
        mid = f"p{len(self.sends)}"
        self.sends.append(
            {"key": key, "at": time.time(), "how": how, "contact": call["contactId"], "mid": mid}
        )
        if how in {"ok", "slow", "close_after", "500"} and self.manner != "silent":
            self.contact_reads(path, call["contactId"], key, text, is_known=how in {"ok", "slow"}, mid=mid)
        return how, json.dumps({"mId": mid}).encode()

    def take_call(self, headers, path):
        key = headers.get("idempotency-key", "")
        how = self.behaviour(key)
        self.calls.append({"key": key, "at": time.time(), "how": how, "path": path})
        child = "yes" if self.chance("child", key).random() < 0.2 else "no"
        return how, json.dumps({"child": child}).encode()

    def contact_reads(self, path, contact, key, text, *, is_known, mid):  # noqa: PLR0913 - one message
        chance = self.chance("contact", key)
        left = self.patience.setdefault(contact, ANSWERS_PER_CONTACT)
        if text.startswith(QUESTION) and left and chance.random() * 100 < ANSWERED_PERCENT:
            self.patience[contact] -= 1
            late = chance.random() * 100 < AT_THE_DEADLINE_PERCENT
            after = TIMEOUT + chance.uniform(-0.3, 0.3) if late else chance.uniform(0.05, 1.0)
            event = {"type": "message", "mId": f"a-{key}", "message": {"type": "text", "text": "very"}}
            copies = 2 if chance.random() * 100 < DUPLICATE_PERCENT else 1
            for _ in range(copies):
                self.later(after, path, contact, event, self.answers)
        if is_known and chance.random() * 100 < NEWS_PERCENT:
            ladder = ["sent", "delivered", "read"]
            chance.shuffle(ladder)
            for status in ladder:
                event = {"type": "message_status", "mId": mid, "status": status}
                self.later(SLOW_SECONDS + chance.uniform(0, 0.5), path, contact, event, self.news)

    def later(self, after, path, contact, event, book):
        task = asyncio.get_running_loop().create_task(self._deliver(after, path, contact, event, book))
        self.waiting.add(task)
        task.add_done_callback(self.waiting.discard)

    async def _deliver(self, after, path, contact, event, book):
        """Post until it is taken; only then it is on record."""
        await asyncio.sleep(after)
        channel = self.channels[path]
        body = {"contactId": contact, "events": [{**event, "timestamp": int(time.time() * 1000)}]}
        while True:
            reply = await self.client.post(
                channel["hook"], body, {"Authorization": f"Bearer {channel['token']}"}
            )
            if reply.status == 200:
                book.append({"mid": event["mId"], "status": event.get("status"), "at": time.time()})
                return
            await asyncio.sleep(0.4)

    def control(self, path, body):
        if path == "/start":
            order = json.loads(body)
            self.channels, self.client = order["channels"], Client(order["web"])
            return {}
        if path == "/idle":
            return {"waiting": len(self.waiting), "taken": len(self.sends) + len(self.calls)}
        return {"sends": self.sends, "calls": self.calls, "answers": self.answers, "news": self.news}


class Exchange(asyncio.Protocol):
    """One kept connection to the provider."""

    def __init__(self, provider):
        self.provider, self.buffer, self.transport = provider, b"", None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            first, *lines = self.buffer[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            length = int(headers.get("content-length", 0))
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            self.answer(first.split(" ")[1], headers, body)

    def answer(self, path, headers, body):
        if path.startswith("/send"):
            how, said = self.provider.take_message(headers, json.loads(body), path)
        elif path.startswith("/call"):
            how, said = self.provider.take_call(headers, path)
        else:
            how, said = "ok", json.dumps(self.provider.control(path, body)).encode()
        if how.startswith("close"):
            self.transport.abort()
        elif how == "slow":
            asyncio.get_running_loop().call_later(SLOW_SECONDS, self.write, 200, said)
        else:
            self.write(200 if how == "ok" else int(how), said)

    def write(self, status, body):
        if not self.transport.is_closing():
            head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
            self.transport.write(f"{head}\r\n\r\n".encode() + body)


async def serve(seed, manner):
    provider = Provider(seed, manner)
    server = await asyncio.get_running_loop().create_server(lambda: Exchange(provider), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
