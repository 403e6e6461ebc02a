"""Database sessions that outlive the test that opened them."""

from __future__ import annotations

from django.db import connection

END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


def end_sessions():
    """Close every session of the test database: one that is left would keep it from being dropped."""
    if connection.vendor != "postgresql":
        return
    connection.close()
    connection.close_pool()
    with connection._nodb_cursor() as cursor:
        cursor.execute(END_ALL, [connection.settings_dict["NAME"]])
