"""The kept connections of a process: one pool for calls of workflows, one httpx client for everybody else."""

from __future__ import annotations

import os
import threading
from functools import lru_cache

import httpcore
import httpx

from isflow.infra.addresses import normal_host, refusal_of_target
from isflow.infra.netguard import GuardedBackend, HttpRefused

MAX_URL = 8_192
# Shorter than what servers usually wait, so that we rarely write into a connection they just closed.
KEEP_ALIVE_SECONDS = 4.0
POOL_SIZE = 256

# Threads that arrive together must not build one pool each.
_lock = threading.Lock()


def client() -> httpx.Client:
    """Return this process's ordinary httpx client over the same guard, for code that expects one.

    It follows no redirects; each operation may take ten seconds. Refusals are raised as HttpRefused.
    """
    with _lock:
        return _process_client(os.getpid())


def close_connections() -> None:
    """Drop all kept connections, as tests need it after the allow-list changed."""
    pool().close()
    client().close()
    _process_pool.cache_clear()
    _process_client.cache_clear()


def pool() -> httpcore.ConnectionPool:
    """Return the kept connections of this process."""
    with _lock:
        return _process_pool(os.getpid())


@lru_cache(maxsize=1)
def _process_pool(pid: int) -> httpcore.ConnectionPool:  # noqa: ARG001 - forked processes must not share sockets
    return httpcore.ConnectionPool(
        ssl_context=httpx.create_ssl_context(trust_env=False),
        max_connections=POOL_SIZE,
        max_keepalive_connections=POOL_SIZE // 2,
        keepalive_expiry=KEEP_ALIVE_SECONDS,
        network_backend=GuardedBackend(),
    )


class _GuardedTransport(httpx.HTTPTransport):
    def __init__(self) -> None:
        super().__init__(trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=POOL_SIZE,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
            network_backend=GuardedBackend(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        checked_url(str(request.url))
        return super().handle_request(request)


@lru_cache(maxsize=1)
def _process_client(pid: int) -> httpx.Client:  # noqa: ARG001 - as above
    return httpx.Client(transport=_GuardedTransport(), trust_env=False, timeout=httpx.Timeout(10, connect=3))


def checked_url(text: str) -> httpx.URL:
    """Parse an address and refuse what can be refused without the network."""
    if len(text) > MAX_URL:
        raise HttpRefused("the address is too long")
    try:
        url = httpx.URL(text)
        host, port = url.raw_host.decode("ascii"), effective_port(url)
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise HttpRefused("the address is not valid") from error
    if url.scheme not in {"http", "https"} or not host or not 0 < port < 65_536:  # noqa: PLR2004
        raise HttpRefused("the address is not valid")
    if url.userinfo or "@" in url.netloc.decode("ascii"):
        raise HttpRefused("the address contains a user name or password")
    reason = refusal_of_target(normal_host(host), port)
    if reason is not None:
        raise HttpRefused(reason)
    return url


def effective_port(url: httpx.URL) -> int:
    """Return the port that a URL leads to, written out or not."""
    if url.port is not None:
        return url.port
    return 443 if url.scheme == "https" else 80
