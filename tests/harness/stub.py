"""A small HTTP server on a thread that counts what it was asked: the outside world of our measurements."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

ANSWER = b'{"ok": true}'


class Stub:
    """Counts requests by the ``id`` of their query. ``/slow?seconds=2`` answers late, ``/drop`` never."""

    def __init__(self):
        self.hits = Counter()
        self.first = {}
        self.port = 0
        self.listener = None
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stub", daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def allow(self):
        """What ISFLOW_HTTP_ALLOW must name."""
        return f"127.0.0.1:{self.port}"

    def start(self):
        self._thread.start()
        if not self._ready.wait(5):
            raise TimeoutError("the stub did not start")

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def forget(self):
        self.hits.clear()
        self.first.clear()

    def note(self, key):
        self.hits[key] += 1
        self.first.setdefault(key, time.perf_counter())
        if self.listener is not None:
            self.listener(key)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        started = self._loop.create_server(lambda: _Exchange(self), "127.0.0.1", 0)
        server = self._loop.run_until_complete(started)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


class _Exchange(asyncio.Protocol):
    """One kept connection."""

    def __init__(self, stub):
        self.stub = stub
        self.buffer = b""
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].decode("latin-1").split("\r\n")
            length = next((int(line[15:]) for line in head if line.lower().startswith("content-length:")), 0)
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            self._answer(urlsplit(head[0].split(" ")[1]))

    def _answer(self, target):
        query = parse_qs(target.query)
        self.stub.note(query.get("id", [target.path])[0])
        if target.path == "/drop":
            self.transport.abort()
        elif target.path == "/slow":
            asyncio.get_running_loop().call_later(float(query["seconds"][0]), self._write)
        else:
            self._write()

    def _write(self):
        if not self.transport.is_closing():
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(ANSWER)}\r\n\r\n"
            )
            self.transport.write(head.encode() + ANSWER)


@contextmanager
def running_stub():
    """Yield a stub that listens."""
    stub = Stub()
    stub.start()
    try:
        yield stub
    finally:
        stub.stop()
