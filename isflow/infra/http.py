"""HTTP calls to addresses that users typed in: guarded, bounded, and clear about what was sent."""

from __future__ import annotations

import os
import re
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import httpcore
import httpx

from isflow.infra.addresses import is_public_address, normal_host, refusal_of_target
from isflow.infra.netguard import Flight, GuardedBackend, HttpRefused, current

__all__ = ["HttpAnswer", "HttpRefused", "HttpRequest", "HttpUnknown", "is_public_address", "send"]

MAX_SECONDS = 30.0
MAX_ANSWER = 1_000_000
"""Bytes of an answer that are kept, counted after decompression."""
MAX_ANSWER_HEADERS = 100
MAX_ANSWER_HEADER_BYTES = 32_768
MAX_BODY = 5_000_000
MAX_HEADERS = 60
MAX_HEADER_BYTES = 16_384
MAX_URL = 8_192
MAX_REDIRECTS = 3
# Shorter than what servers usually wait, so that we rarely write into a connection they just closed.
KEEP_ALIVE_SECONDS = 4.0
POOL_SIZE = 256

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BLOCKED = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_BLOCKED_PREFIXES = ("proxy-", "x-isflow-")
_SECRET = frozenset({"authorization", "cookie", "x-api-key"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 65_536


@dataclass(frozen=True)
class HttpRequest:
    """What to send. ``timeout`` is the total time in seconds, redirects included, 30 at most."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    timeout: float = 10.0
    secret_headers: frozenset[str] = field(default=frozenset())
    """Names of headers that must not follow a redirect to another origin."""


@dataclass(frozen=True)
class HttpAnswer:
    """What came back; ``truncated`` says that the body was longer than we keep."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    truncated: bool
    elapsed: float


class HttpUnknown(Exception):  # noqa: N818 - the words that the engine uses
    """The request may have been received and carried out, but there is no usable answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def send(request: HttpRequest) -> HttpAnswer:
    """Perform the request, following up to three redirects.

    Raises HttpRefused if certainly nothing was sent, HttpUnknown if something may have been.
    """
    started = time.monotonic()
    flight = Flight(started + min(request.timeout, MAX_SECONDS))
    outer, current.flight = current.flight, flight
    try:
        for _ in range(MAX_REDIRECTS + 1):
            url = _checked_url(request.url)
            response = _exchange(request, url)
            target = _redirect_target(response.headers) if response.status in _REDIRECTS else None
            if target is None:
                return replace(response, elapsed=time.monotonic() - started)
            request = _redirected(request, url, target, response.status)
    except HttpRefused as error:
        if flight.wrote:
            raise HttpUnknown(f"redirect refused: {error.reason}") from error
        raise
    finally:
        current.flight = outer
    raise HttpUnknown("too many redirects")


def client() -> httpx.Client:
    """Return this process's ordinary httpx client over the same guard, for code that expects one.

    It follows no redirects; each operation may take ten seconds. Refusals are raised as HttpRefused.
    """
    return _client(os.getpid())


def close_connections() -> None:
    """Drop all kept connections, as tests need it after the allow-list changed."""
    _pool(os.getpid()).close()
    client().close()
    _pool.cache_clear()
    _client.cache_clear()


@lru_cache(maxsize=1)
def _pool(pid: int) -> httpcore.ConnectionPool:  # noqa: ARG001 - a forked process must not share sockets
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
        _checked_url(str(request.url))
        return super().handle_request(request)


@lru_cache(maxsize=1)
def _client(pid: int) -> httpx.Client:  # noqa: ARG001 - see _pool()
    return httpx.Client(transport=_GuardedTransport(), trust_env=False, timeout=httpx.Timeout(10, connect=3))


def _checked_url(text: str) -> httpx.URL:
    """Parse an address and refuse what can be refused without the network."""
    if len(text) > MAX_URL:
        raise HttpRefused("the address is too long")
    try:
        url = httpx.URL(text)
        host, port = url.raw_host.decode("ascii"), _port(url)
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


def _port(url: httpx.URL) -> int:
    if url.port is not None:
        return url.port
    return 443 if url.scheme == "https" else 80


def _wire_headers(request: HttpRequest, url: httpx.URL) -> list[tuple[bytes, bytes]]:
    """Return the headers to send; raise HttpRefused for one that could change the message's framing."""
    wire = [(b"Host", url.netloc), (b"Accept-Encoding", b"gzip")]
    names = set()
    for name, value in request.headers:
        lower = name.lower()
        names.add(lower)
        if not _TOKEN.fullmatch(name) or lower in _BLOCKED or lower.startswith(_BLOCKED_PREFIXES):
            raise HttpRefused(f"the header {name[:50]!r} is not allowed")
        if _CONTROL.search(value):
            raise HttpRefused(f"the value of the header {name!r} contains control characters")
        wire.append((name.encode("ascii"), value.strip().encode()))
    if "user-agent" not in names:
        wire.append((b"User-Agent", b"isflow"))
    if "accept" not in names:
        wire.append((b"Accept", b"*/*"))
    if request.body is not None or request.method in _WITH_BODY:
        wire.append((b"Content-Length", str(len(request.body or b"")).encode()))
    if len(wire) > MAX_HEADERS or sum(len(name) + len(value) for name, value in wire) > MAX_HEADER_BYTES:
        raise HttpRefused("the headers are too long")
    return wire


def _exchange(request: HttpRequest, url: httpx.URL) -> HttpAnswer:
    """Send one request and read its answer; ``elapsed`` is not filled in."""
    if request.method not in METHODS:
        raise HttpRefused("the method is not allowed")
    if request.body is not None and len(request.body) > MAX_BODY:
        raise HttpRefused("the body is too long")
    wire = httpcore.Request(
        request.method,
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=_port(url), target=url.raw_path),
        headers=_wire_headers(request, url),
        content=request.body or b"",
        extensions={"timeout": {"pool": min(request.timeout, MAX_SECONDS)}},
    )
    try:
        response = _pool(os.getpid()).handle_request(wire)
        try:
            headers = _answer_headers(response.headers)
            body, truncated = _read(response, headers)
        finally:
            response.close()
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        reason = "timeout" if isinstance(error, httpcore.TimeoutException) else "connection failed"
        if current.flight is not None and current.flight.wrote:
            raise HttpUnknown(reason) from error
        raise HttpRefused(reason) from error
    return HttpAnswer(response.status, headers, body, truncated, 0.0)


def _answer_headers(headers: list[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Return the answer's headers as text; raise HttpUnknown if there are too many."""
    size = sum(len(name) + len(value) for name, value in headers)
    if len(headers) > MAX_ANSWER_HEADERS or size > MAX_ANSWER_HEADER_BYTES:
        raise HttpUnknown("the answer's headers are too long")
    return tuple((name.decode("ascii", "replace"), value.decode("latin-1")) for name, value in headers)


def _header(headers: Iterable[tuple[str, str]], wanted: str) -> str:
    """Return the first value of a header, or an empty text."""
    return next((value for name, value in headers if name.lower() == wanted), "")


def _read(response: httpcore.Response, headers: tuple[tuple[str, str], ...]) -> tuple[bytes, bool]:
    """Read the body up to the limit, unpacking gzip in small bites; say whether it was cut."""
    packed = _header(headers, "content-encoding").strip().lower() in {"gzip", "x-gzip"}
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16) if packed else None
    body = bytearray()
    received = 0
    for chunk in response.iter_stream():
        received += len(chunk)
        if unpacker is None:
            body += chunk
        else:
            try:
                body += unpacker.decompress(chunk, MAX_ANSWER + 1 - len(body))
            except zlib.error as error:
                raise HttpUnknown("the answer cannot be unpacked") from error
        if len(body) > MAX_ANSWER or received > MAX_ANSWER:
            return bytes(body[:MAX_ANSWER]), True
    return bytes(body), False


def _redirect_target(headers: tuple[tuple[str, str], ...]) -> str | None:
    return _header(headers, "location") or None


def _redirected(request: HttpRequest, url: httpx.URL, location: str, status: int) -> HttpRequest:
    """Return the request for the next hop, without secrets if it leads to another origin."""
    try:
        target = url.join(location)
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise HttpRefused("the address is not valid") from error
    if url.scheme == "https" and target.scheme != "https":
        raise HttpRefused("from https to http")
    drop: set[str] = set()
    if (url.scheme, url.raw_host, _port(url)) != (target.scheme, target.raw_host, _port(target)):
        drop |= _SECRET | {name.lower() for name in request.secret_headers}
    method, body = request.method, request.body
    if (status == 303 and method != "HEAD") or (status in {301, 302} and method == "POST"):  # noqa: PLR2004
        method, body = "GET", None
        drop |= {"content-type", "content-encoding", "content-language"}
    headers = tuple((name, value) for name, value in request.headers if name.lower() not in drop)
    return replace(request, method=method, url=str(target), headers=headers, body=body)
