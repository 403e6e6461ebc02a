"""SQLite as it really is: Django assumes a limit of 999 values per statement, ours allows many more."""

from __future__ import annotations

import sqlite3
from typing import Any

from django.db.backends.signals import connection_created

from isflow.infra.db import MAX_PARAMETERS


def connect() -> None:
    """Widen the limit on every new SQLite connection, so that a batch of rows is one statement."""
    connection_created.connect(_widen, dispatch_uid="infra.sqlite")


def _widen(*, connection: Any, **_signal: object) -> None:
    if connection.vendor == "sqlite":
        allowed = connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        connection.features.max_query_params = min(allowed, MAX_PARAMETERS)
