"""A small asynchronous HTTP client with kept connections; whatever goes wrong comes back as status 0."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

TIMEOUT = 15
AT_ONCE = 16


@dataclass(frozen=True)
class Reply:
    """Status 0: nobody answered, so that nobody knows what became of the request."""

    status: int
    body: bytes = b""

    def json(self):
        return json.loads(self.body)


class Client:
    """Talks to one address, over kept connections as browsers do or over new ones as proxies do."""

    def __init__(self, url, *, keep=True):
        self.cut_off = 0
        self._keep = keep
        parts = urlsplit(url)
        self._host, self._port, self._netloc = parts.hostname, parts.port, parts.netloc
        self._free = []
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def post(self, path, document, headers=None):
        """Post JSON."""
        return await self._send(
            "POST", path, json.dumps(document).encode(), "application/json", headers or {}
        )

    async def post_form(self, path, fields, headers):
        """Post a form."""
        kind = "application/x-www-form-urlencoded"
        return await self._send("POST", path, urlencode(fields).encode(), kind, headers)

    async def get(self, path, headers=None):
        return await self._send("GET", path, b"", "text/plain", headers or {})

    async def close(self):
        """Close the connections that are kept."""
        while self._free:
            _, writer = self._free.pop()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _send(self, method, path, body, kind, headers):
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {self._netloc}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            f"Connection: {'keep-alive' if self._keep else 'close'}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        wire = ("\r\n".join(lines) + "\r\n\r\n").encode() + body
        async with self._slots:
            try:
                async with asyncio.timeout(TIMEOUT):
                    return await self._exchange(wire)
            except (OSError, EOFError, TimeoutError, ValueError):
                return Reply(0)

    async def _exchange(self, wire):
        reader, writer = await self._connection()
        try:
            self.cut_off += 1  # until it has been answered
            writer.write(wire)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
            if headers.get("transfer-encoding") == "chunked":
                body = await _chunks(reader)
            else:
                body = await reader.readexactly(int(headers.get("content-length", 0)))
        except BaseException:
            writer.close()
            raise
        self.cut_off -= 1
        if not self._keep or headers.get("connection", "").lower() == "close":
            writer.close()
        else:
            self._free.append((reader, writer))
        return Reply(int(head[0].split(" ")[1]), body)

    async def _connection(self):
        while self._free:
            reader, writer = self._free.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)


async def _chunks(reader):
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body
