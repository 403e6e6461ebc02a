"""HTTP calls to addresses that users typed in: guarded, bounded, and clear about what was sent."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import httpcore
import httpx

from isflow.infra.addresses import is_public_address
from isflow.infra.connections import checked_url, client, close_connections, effective_port, pool
from isflow.infra.netguard import Flight, HttpRefused, HttpUnreachable, current

__all__ = [
    "HttpAnswer",
    "HttpRefused",
    "HttpRequest",
    "HttpUnknown",
    "HttpUnreachable",
    "client",
    "close_connections",
    "is_public_address",
    "send",
]

MAX_SECONDS = 30.0
MAX_ANSWER = 1_000_000
"""Bytes of an answer that are kept, counted after decompression."""
MAX_ANSWER_HEADERS = 100
MAX_ANSWER_HEADER_BYTES = 32_768
MAX_BODY = 5_000_000
MAX_HEADERS = 60
MAX_HEADER_BYTES = 16_384
MAX_REDIRECTS = 3

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
            url = checked_url(request.url)
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
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=effective_port(url), target=url.raw_path),
        headers=_wire_headers(request, url),
        content=request.body or b"",
        extensions={"timeout": {"pool": min(request.timeout, MAX_SECONDS)}},
    )
    try:
        response = pool().handle_request(wire)
        try:
            headers = _answer_headers(response.headers)
            body, truncated = _read(response, headers)
        finally:
            response.close()
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        reason = "timeout" if isinstance(error, httpcore.TimeoutException) else "connection failed"
        if current.flight is not None and current.flight.wrote:
            raise HttpUnknown(reason) from error
        raise HttpUnreachable(reason) from error
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
    if (url.scheme, url.raw_host, effective_port(url)) != (
        target.scheme,
        target.raw_host,
        effective_port(target),
    ):
        drop |= _SECRET | {name.lower() for name in request.secret_headers}
    method, body = request.method, request.body
    if (status == 303 and method != "HEAD") or (status in {301, 302} and method == "POST"):  # noqa: PLR2004
        method, body = "GET", None
        drop |= {"content-type", "content-encoding", "content-language"}
    headers = tuple((name, value) for name, value in request.headers if name.lower() not in drop)
    return replace(request, method=method, url=str(target), headers=headers, body=body)
