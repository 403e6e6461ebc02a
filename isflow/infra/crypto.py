"""Encryption of stored secrets with Fernet; every stored text names its key, so that keys can be replaced."""

from __future__ import annotations

from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

SEPARATOR = "$"


class DecryptionError(Exception):
    """A stored secret cannot be read: its key is missing, or it was changed outside isflow."""


def seal_text(text: str) -> str:
    """Encrypt with the first key; the result is ``key id$token``."""
    key_id, fernet = next(iter(_keys().items()))
    return f"{key_id}{SEPARATOR}{fernet.encrypt(text.encode()).decode()}"


def open_text(stored: str) -> str:
    """Decrypt what ``seal_text`` returned; raise DecryptionError if that is impossible."""
    key_id, separator, token = stored.partition(SEPARATOR)
    if not separator:
        raise DecryptionError("A stored secret is not encrypted text.")
    fernet = _keys().get(key_id)
    if fernet is None:
        raise DecryptionError(f"The encryption key {key_id!r} is not configured.")
    try:
        return fernet.decrypt(token).decode()
    except (InvalidToken, ValueError) as error:
        raise DecryptionError(f"A stored secret does not fit the encryption key {key_id!r}.") from error


def rotate(stored: str) -> str:
    """Return the stored text encrypted with the first key; unchanged if it already is."""
    return stored if stored.startswith(current_prefix()) else seal_text(open_text(stored))


def current_prefix() -> str:
    """Return what every text encrypted with the first key starts with."""
    return next(iter(_keys())) + SEPARATOR


def parse_keys(entries: tuple[str, ...]) -> dict[str, Fernet]:
    """Read ``key id:base64 key`` entries in order; raise ImproperlyConfigured, never showing the key."""
    keys: dict[str, Fernet] = {}
    for position, entry in enumerate(entries, start=1):
        key_id, _, secret = entry.partition(":")
        if not key_id or SEPARATOR in key_id or key_id in keys:
            raise ImproperlyConfigured(f"Encryption key {position} has no id, or one that is taken.")
        try:
            keys[key_id] = Fernet(secret)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"Encryption key {key_id!r} is not 32 bytes in URL-safe base64."
            ) from error
    if not keys:
        raise ImproperlyConfigured("ISFLOW_ENCRYPTION_KEYS names no key.")
    return keys


_parsed = lru_cache(maxsize=4)(parse_keys)


def _keys() -> dict[str, Fernet]:
    """Return the configured keys; the first one encrypts."""
    return _parsed(tuple(settings.ISFLOW_ENCRYPTION_KEYS))
