"""A web server on 127.0.0.1 that behaves as badly as a test wants."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field


@dataclass
class Seen:
    line: str
    headers: list[tuple[str, str]]
    body: bytes
    raw: bytes


@dataclass
class Server:
    """Answers each path with bytes, or by a function that gets the connection."""

    answers: dict = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0

    def __enter__(self):
        self.closing = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.01)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        for thread in self.threads:
            thread.join()
        self.listener.close()

    def _accept(self):
        while not self.closing.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self.listener.accept()
                self.connections += 1
                self.threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self.threads[-1].start()

    def _serve(self, connection):
        connection.settimeout(0.01)
        with connection, contextlib.suppress(OSError):
            while (request := self._read(connection)) is not None:
                self.seen.append(request)
                answer = self.answers[request.line.split()[1].partition("?")[0]]
                if callable(answer):
                    answer(connection)
                    return
                connection.sendall(answer)

    def _read(self, connection):
        raw = b""
        while not self.closing.is_set():
            head, end, body = raw.partition(b"\r\n\r\n")
            if end:
                lines = head.decode("latin-1").split("\r\n")
                headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
                length = int(dict(headers).get("Content-Length", 0))
                if len(body) >= length:
                    return Seen(lines[0], headers, body, raw)
            with contextlib.suppress(TimeoutError):
                chunk = connection.recv(65536)
                if not chunk:
                    return None
                raw += chunk
        return None


def answer(status=200, body=b"", **headers):
    """Return a complete answer; underscores in header names become hyphens."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
