"""Stands between the workers and PostgreSQL, and cuts a worker off at the worst moment when told to.

``python -m tests.chaos.proxy <port of PostgreSQL> <port> <port>`` listens on one port for each worker.
SIGUSR1 (SIGUSR2) makes it wait for the next COMMIT of the first (second) worker: that one is passed on, but
its answer never comes, and all other connections of the worker break with it.
"""

from __future__ import annotations

import asyncio
import signal
import sys

COMMIT = b"COMMIT\x00"
SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)


class Line:
    """All connections of one worker."""

    def __init__(self, postgres):
        self.postgres = postgres
        self.open = set()
        self.is_armed = False

    def arm(self):
        self.is_armed = True

    def cut(self, unanswered):
        """Break every connection; what was sent on this one still reaches the database."""
        self.is_armed = False
        for near in list(self.open):
            near.hang_up(abruptly=near is not unanswered)


class Near(asyncio.Protocol):
    """The worker's end of a connection."""

    def __init__(self, line):
        self.line, self.transport, self.far, self.early = line, None, None, []

    def connection_made(self, transport):
        self.transport = transport
        self.line.open.add(self)
        self.dialling = asyncio.get_running_loop().create_task(self.dial())

    async def dial(self):
        loop = asyncio.get_running_loop()
        try:
            self.far, _ = await loop.create_connection(lambda: Far(self), "127.0.0.1", self.line.postgres)
        except OSError:
            self.transport.abort()
            return
        self.far.writelines(self.early)

    def data_received(self, data):
        if self.far is None:
            self.early.append(data)
            return
        self.far.write(data)
        if self.line.is_armed and COMMIT in data:
            self.line.cut(self)

    def hang_up(self, *, abruptly):
        self.transport.abort()
        if abruptly and self.far is not None:
            self.far.abort()

    def connection_lost(self, _error):
        self.line.open.discard(self)
        if self.far is not None:
            self.far.close()


class Far(asyncio.Protocol):
    """The database's end; what it says goes to the worker as long as that is there."""

    def __init__(self, near):
        self.near = near

    def data_received(self, data):
        self.near.transport.write(data)

    def connection_lost(self, _error):
        self.near.transport.abort()


async def serve(postgres, ports):
    loop = asyncio.get_running_loop()
    for port, signum in zip(ports, SIGNALS, strict=True):
        line = Line(postgres)
        loop.add_signal_handler(signum, line.arm)
        await loop.create_server(lambda line=line: Near(line), "127.0.0.1", port)
    await loop.create_future()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), [int(port) for port in sys.argv[2:]]))
