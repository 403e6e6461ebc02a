"""A small asynchronous WebSocket client: texts only, nothing fragmented."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
from urllib.parse import urlsplit

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Closed(ConnectionError):  # noqa: N818 - it happens
    """The other side ended the connection; ``code`` says why, 0 without a word."""

    def __init__(self, code=0):
        super().__init__(f"closed with {code}")
        self.code = code


class Socket:
    """One connection to a page's socket."""

    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, url, path, headers):
        """Connect and shake hands; OSError if that does not work out."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            f"Origin: {url}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except EOFError as error:
            writer.close()
            raise Closed from error
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            writer.close()
            raise Closed
        return cls(reader, writer)

    def say(self, message):
        """Send JSON."""
        self._frame(TEXT, json.dumps(message).encode())

    async def hear(self):
        """The next JSON message; Closed if there is none any more."""
        try:
            while True:
                first, second = await self._reader.readexactly(2)
                size = second & 0x7F
                if size == 126:
                    (size,) = struct.unpack(">H", await self._reader.readexactly(2))
                elif size == 127:
                    (size,) = struct.unpack(">Q", await self._reader.readexactly(8))
                body = await self._reader.readexactly(size)
                code = first & 0x0F
                if code == TEXT:
                    return json.loads(body)
                if code == PING:
                    self._frame(PONG, body)
                if code == CLOSE:
                    raise Closed(struct.unpack(">H", body[:2])[0] if body else 0)
        except (EOFError, OSError) as error:
            raise Closed from error

    def close(self):
        self._writer.close()

    def _frame(self, code, body):
        size, mask = len(body), os.urandom(4)
        length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + struct.pack(">H", size)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(body))
        self._writer.write(bytes([0x80 | code]) + length + mask + masked)
