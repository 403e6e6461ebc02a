"""Just enough of a WebSocket client to hear what the widget's socket says."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from urllib.parse import urlsplit

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class WebSocket:
    """One connection; texts only, nothing fragmented."""

    def __init__(self, url, *, origin, timeout=10):
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout)
        self._buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {parts.path} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            f"Origin: {origin}",
        ]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode("latin-1"))

    def say(self, message):
        """Send JSON."""
        self._frame(TEXT, json.dumps(message).encode())

    def hear(self):
        """The next JSON message."""
        while True:
            code, body = self._read()
            if code == TEXT:
                return json.loads(body)
            if code == PING:
                self._frame(PONG, body)
            if code == CLOSE:
                raise ConnectionError(f"closed: {body!r}")

    def close(self):
        self._socket.close()

    def _frame(self, code, body):
        mask = os.urandom(4)
        size = len(body)
        head = bytes([0x80 | code]) + (
            bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + struct.pack(">H", size)
        )
        self._socket.sendall(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(body)))

    def _read(self):
        first, second = self._take(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self._take(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self._take(8))
        return first & 0x0F, self._take(size)

    def _take(self, size):
        while len(self._buffer) < size:
            self._more()
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _more(self):
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionError("the server hung up")
        self._buffer += data
