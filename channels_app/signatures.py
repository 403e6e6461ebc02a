"""Checks of webhook signatures: total functions from bytes to yes or no, whatever strangers send.

Each takes the raw body, because what was signed are the bytes received. An empty secret never fits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

WINDOW_SECONDS: Final = 300
"""How far a signed time may be from ours, either way."""

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_MAX_TIMESTAMP_DIGITS: Final = 12


def token_matches(given: str, secret: str) -> bool:
    """Compare a token sent as it is (Telegram) in constant time."""
    return bool(secret) and hmac.compare_digest(_bytes(given), _bytes(secret))


def meta_signature_matches(header: str, body: bytes, secret: str) -> bool:
    """WhatsApp, Messenger, Instagram: ``sha256=<hex>`` over the body."""
    scheme, _, given = header.partition("=")
    return scheme == "sha256" and _same(given, _hmac(secret, body, "sha256").hex(), secret)


def line_signature_matches(header: str, body: bytes, secret: str) -> bool:
    """LINE: base64 of HMAC-SHA256 over the body."""
    return _same(header, _base64(_hmac(secret, body, "sha256")), secret)


def viber_signature_matches(header: str, body: bytes, token: str) -> bool:
    """Viber: hex of HMAC-SHA256 over the body."""
    return _same(header, _hmac(token, body, "sha256").hex(), token)


def slack_signature_matches(header: str, timestamp: str, body: bytes, secret: str, *, now: float) -> bool:
    """Slack: ``v0=<hex>`` over version, time and body; the time must be near ``now`` (seconds since 1970)."""
    if not _is_recent(timestamp, now):
        return False
    signed = b"v0:" + _bytes(timestamp) + b":" + body
    return _same(header, f"v0={_hmac(secret, signed, 'sha256').hex()}", secret)


def twilio_signature_matches(
    header: str, url: str, parameters: Mapping[str, Iterable[str]], body: bytes, token: str
) -> bool:
    """Twilio: base64 of HMAC-SHA1 over the public address and the sorted form values.

    A JSON call has no parameters, but the digest of its body in the address. The port may have been written
    into the address by either side, so both spellings are tried.
    """
    digest = _query_value(url, "bodySHA256")
    if digest is not None and not _same(digest, hashlib.sha256(body).hexdigest(), token):
        return False
    # A call with a body digest carries nothing else that is signed.
    pairs = {} if digest is not None else parameters
    text = "".join(f"{name}{value}" for name in sorted(pairs) for value in sorted(set(pairs[name])))
    matches = [
        _same(header, _base64(_hmac(token, _bytes(spelling + text), "sha1")), token)
        for spelling in _port_spellings(url)
    ]
    return any(matches)


def standard_signature(message_id: str, timestamp: str, body: bytes, secret: str) -> str | None:
    """Return the ``v1,<base64>`` signature of Standard Webhooks; None if the secret is no ``whsec_`` one."""
    try:
        key = base64.b64decode(_bytes(secret.removeprefix("whsec_")), validate=True)
    except (ValueError, binascii.Error):
        return None
    if not key:
        return None
    signed = _bytes(message_id) + b"." + _bytes(timestamp) + b"." + body
    return f"v1,{_base64(hmac.digest(key, signed, 'sha256'))}"


def standard_signature_matches(  # noqa: PLR0913 - three headers, body, secret and clock
    header: str, message_id: str, timestamp: str, body: bytes, secret: str, *, now: float
) -> bool:
    """Standard Webhooks: any of the listed signatures fits, and the time is near ``now``."""
    expected = standard_signature(message_id, timestamp, body, secret)
    if expected is None or not message_id or not _is_recent(timestamp, now):
        return False
    matches = [hmac.compare_digest(_bytes(given), _bytes(expected)) for given in header.split()]
    return any(matches)


def setup_challenge(query: Mapping[str, str], verify_token: str) -> str | None:
    """Answer Meta's set-up question: the digits it sent, if it knows our token; None otherwise."""
    challenge = query.get("hub.challenge", "")
    good = challenge.isascii() and challenge.isdecimal() and len(challenge) <= 64  # noqa: PLR2004
    known = token_matches(query.get("hub.verify_token", ""), verify_token)
    return challenge if good and known and query.get("hub.mode") == "subscribe" else None


def _same(given: str, expected: str, secret: str) -> bool:
    return bool(secret) and hmac.compare_digest(_bytes(given), _bytes(expected))


def _hmac(secret: str, body: bytes, algorithm: str) -> bytes:
    return hmac.digest(_bytes(secret), body, algorithm)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _is_recent(timestamp: str, now: float) -> bool:
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= _MAX_TIMESTAMP_DIGITS):
        return False
    return abs(now - int(timestamp)) <= WINDOW_SECONDS


def _query_value(url: str, name: str) -> str | None:
    try:
        values = parse_qs(urlsplit(url).query).get(name)
    except ValueError:
        return None
    return values[0] if values else None


def _port_spellings(url: str) -> list[str]:
    """Return the address as it is, with its port written out, and without it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return [url]
    host = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc
    standard = _DEFAULT_PORTS.get(parts.scheme)
    if not host or standard is None:
        return [url]
    with_port = urlunsplit(parts._replace(netloc=f"{host}:{port or standard}"))
    return list(dict.fromkeys([url, with_port, urlunsplit(parts._replace(netloc=host))]))
