"""The network under our HTTP clients: resolves once, checks every address, connects only to a checked one."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpcore

from isflow.infra.addresses import (
    Address,
    literal_address,
    normal_host,
    refusal_of_addresses,
    refusal_of_target,
)

CONNECT_TIMEOUT = 3.0
"""Seconds that the look-up and the connection together may take."""
MAX_PENDING = 16_384
"""Bytes of a request that may wait to be sent together."""
MAX_ADDRESSES = 4
"""How many addresses of a host are tried."""

# getaddrinfo() knows no time limit, so somebody else waits for it.
_resolvers = ThreadPoolExecutor(max_workers=16, thread_name_prefix="resolve")


class HttpRefused(Exception):  # noqa: N818 - the words that the engine uses
    """Nothing was sent: the guard, the name look-up or the connection stood in the way."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HttpUnreachable(HttpRefused):
    """Nothing was sent because no connection came about; the same may well succeed later."""


@dataclass
class Flight:
    """The request of a thread: its deadline in monotonic seconds, and whether a byte of it left."""

    deadline: float
    wrote: bool = False

    def left(self, timeout: float | None) -> float:
        """Return the seconds left; raise TimeoutError when there are none."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds if timeout is None else min(seconds, timeout)


class _Current(threading.local):
    flight: Flight | None = None


current = _Current()


def lookup(host: str, port: int) -> list[str]:
    """Ask the system's resolver; raises OSError. Tests put a fake in its place."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def resolve(host: str, port: int, timeout: float) -> list[Address]:
    """Return the addresses of a host, all of them checked; raise HttpRefused otherwise."""
    name = normal_host(host)
    reason = refusal_of_target(name, port)
    if reason is not None:
        raise HttpRefused(reason)
    literal = literal_address(name)
    if literal is not None:
        return [literal]
    addresses = [_parsed(text) for text in _addresses(name, port, timeout)]
    reason = refusal_of_addresses(name, port, addresses)
    if reason is not None:
        raise HttpRefused(reason)
    return addresses


def _addresses(name: str, port: int, timeout: float) -> list[str]:
    """Look a name up within the time; ``localhost`` is never asked for."""
    if name == "localhost" or name.endswith(".localhost"):
        return ["127.0.0.1"]
    try:
        return _resolvers.submit(lookup, name, port).result(timeout)
    except FutureTimeoutError as error:
        raise HttpUnreachable("the name look-up took too long") from error
    except (OSError, UnicodeError) as error:
        raise HttpUnreachable("the host is unknown") from error


def _parsed(text: str) -> Address:
    """Read an address of the resolver; anything strange is refused."""
    address = literal_address(text)
    if address is None:
        raise HttpRefused("the host has no usable address")
    return address


class GuardedBackend(httpcore.NetworkBackend):
    """Opens connections for httpcore, to checked addresses only."""

    def __init__(self) -> None:
        self._sync = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        limit = min(CONNECT_TIMEOUT, CONNECT_TIMEOUT if timeout is None else timeout)
        clock = Flight(time.monotonic() + limit)
        if current.flight is not None:
            clock.deadline = min(clock.deadline, current.flight.deadline)
        failure: Exception = httpcore.ConnectError("no address")
        try:
            for address in resolve(host, port, clock.left(None))[:MAX_ADDRESSES]:
                try:
                    stream = self._sync.connect_tcp(
                        str(address), port, clock.left(None), local_address, socket_options
                    )
                except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                    failure = error
                else:
                    return GuardedStream(stream)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("connect") from error
        raise failure

    def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002 - the base class's signature, here and below
        timeout: float | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        raise HttpRefused("local sockets are not allowed")


class GuardedStream(httpcore.NetworkStream):
    """A connection that obeys the total deadline of the thread's request, however slowly the bytes drip."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self._pending = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        # A server may answer and close before it took everything; then the answer counts.
        with suppress(httpcore.WriteError):
            self._flush(timeout)
        try:
            return self._inner.read(max_bytes, _left(timeout))
        except TimeoutError as error:
            raise httpcore.ReadTimeout("deadline") from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # Head and body of a small request leave together, when the answer is waited for.
        self._pending += buffer
        if len(self._pending) > MAX_PENDING:
            self._flush(timeout)

    def _flush(self, timeout: float | None) -> None:
        rest, self._pending = memoryview(self._pending), b""
        if rest and current.flight is not None:
            current.flight.wrote = True
        sock: socket.socket = self._inner.get_extra_info("socket")
        try:
            while rest:
                sock.settimeout(_left(timeout))
                rest = rest[sock.send(rest) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout("deadline") from error
        except OSError as error:
            raise httpcore.WriteError(type(error).__name__) from error

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        try:
            return GuardedStream(self._inner.start_tls(ssl_context, server_hostname, _left(timeout)))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("deadline") from error

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(timeout: float | None) -> float | None:
    """Return the seconds that the next operation may take."""
    return timeout if current.flight is None else current.flight.left(timeout)
