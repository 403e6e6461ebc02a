"""System checks of the settings isflow cannot safely run without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from isflow.infra.addresses import parse_allow_list
from isflow.infra.crypto import parse_keys

# A commit that PostgreSQL acknowledged must be on the disk: a webhook's sender was told that we have it.
_SAFE_COMMIT = ("fsync", "synchronous_commit", "full_page_writes")


def register_checks() -> None:
    """Make Django run these checks at start; the one that asks the database runs with ``--database``."""
    register(check_encryption_keys, Tags.security)
    register(check_http_allow_list, Tags.security)
    register(check_safe_commit, Tags.database)


def check_encryption_keys(**_: Any) -> list[CheckMessage]:
    """Stored secrets need at least one valid key (isflow.E002)."""
    try:
        parse_keys(tuple(settings.ISFLOW_ENCRYPTION_KEYS))
    except ImproperlyConfigured as error:
        return [Error(str(error), id="isflow.E002")]
    return []


def check_http_allow_list(**_: Any) -> list[CheckMessage]:
    """Every entry of the list of allowed hosts must make sense (isflow.E003)."""
    try:
        parse_allow_list(tuple(settings.ISFLOW_HTTP_ALLOW))
    except ValueError as error:
        return [Error(f"ISFLOW_HTTP_ALLOW: {error}", id="isflow.E003")]
    return []


def check_safe_commit(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """PostgreSQL must keep what it acknowledged, even through a power cut (isflow.E001)."""
    if getattr(settings, "ISFLOW_ALLOW_UNSAFE_COMMIT", False):
        return []
    found: list[CheckMessage] = []
    for alias in databases or ():
        if connections[alias].vendor != "postgresql":
            continue
        with connections[alias].cursor() as cursor:
            for name in _SAFE_COMMIT:
                cursor.execute("SELECT current_setting(%s)", [name])
                if cursor.fetchone() == ("off",):
                    found.append(_unsafe(name))
    return found


def _unsafe(name: str) -> CheckMessage:
    return Error(
        f"PostgreSQL runs with {name} = off and may lose work that isflow has promised to do.",
        hint="Switch it on, or set ISFLOW_ALLOW_UNSAFE_COMMIT if losing work is acceptable here.",
        id="isflow.E001",
    )
