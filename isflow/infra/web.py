"""The web server of an installation with many processes: daphne, but polite when it is told to go.

``python -m isflow.infra.web -b 0.0.0.0 -p 8000 isflow.asgi:application`` takes daphne's own arguments. On
SIGTERM it stops accepting, answers the requests that it has, each connection's last one, and only then closes
sockets and leaves.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import structlog
from daphne.cli import CommandLineInterface
from daphne.http_protocol import WebRequest
from daphne.server import Server
from twisted.internet.defer import Deferred
from twisted.web.http import HTTPChannel

DRAIN_LIMIT: Final = 10.0
"""Seconds that requests get to be answered."""
CLOSE_LIMIT: Final = 5.0
"""Seconds that whatever is left, such as sockets of browsers, gets to end after it was cancelled."""
LOOK_AGAIN: Final = 0.05
FLUSH_SECONDS: Final = 0.2
"""For the last answers to leave; twisted writes them when its loop turns."""

log = structlog.get_logger(__name__)


class PatientServer(Server):
    """Answers what it has been asked before it leaves. Sockets are closed; browsers open them elsewhere."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ports: list[Any] = []

    def listen_success(self, port: Any) -> None:
        """Remember what we listen on, and say that we do."""
        self._ports.append(port)
        log.info("web.listening")
        super().listen_success(port)

    def kill_all_applications(self) -> Any:
        """Leave in peace; daphne calls this once, when a signal has come, and waits for what it returns."""
        return Deferred.fromFuture(asyncio.ensure_future(self._leave()))

    async def _leave(self) -> None:
        for port in self._ports:
            port.stopListening()
        HTTPChannel.checkPersistence = _is_last  # type: ignore[method-assign]
        end = time.monotonic() + DRAIN_LIMIT
        while self._running(WebRequest) and time.monotonic() < end:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(LOOK_AGAIN)
        await asyncio.sleep(FLUSH_SECONDS)
        left = self._running(object)
        for application in left:
            application.cancel()
        if left:
            await asyncio.wait(left, timeout=CLOSE_LIMIT)

    def _running(self, kind: type) -> list[asyncio.Future[Any]]:
        """Return the applications that serve this kind of connection now."""
        found = [
            details.get("application_instance")
            for protocol, details in self.connections.items()
            if isinstance(protocol, kind)
        ]
        return [application for application in found if application is not None and not application.done()]


def _is_last(_channel: HTTPChannel, request: Any, _version: bytes) -> bool:
    """Say no to another request on this connection, else a busy client would keep us for ever."""
    request.responseHeaders.setRawHeaders(b"connection", [b"close"])
    return False


class WebCommand(CommandLineInterface):
    """Daphne's command line with our server behind it."""

    server_class = PatientServer


if __name__ == "__main__":
    WebCommand.entrypoint()
