"""What may befall a process at a named place. It strikes once; then the process, if it lives, goes on."""

from __future__ import annotations

import os
import signal

import psycopg
from django.db import Error, OperationalError, connection

from isflow.infra import faults

GONE_SECONDS = 10


class Planted(Exception):  # noqa: N818 - a fault, not an error of ours
    """What ``raise`` raises."""


class Strike:
    """One action at one pass of one place, and what is known of it afterwards."""

    def __init__(self, action, point, after):
        self.fired = False
        self.held = False
        """Whether the process was inside a transaction, so that others may have to wait for it."""
        self._do = ACTIONS[action]
        faults.arm(point, self, after=after)

    def __call__(self):
        faults.disarm_all()
        self.fired = True
        self.held = connection.in_atomic_block
        self._do()


def end_here():
    os._exit(faults.EXIT_CODE)


def fail():
    raise Planted


def lose_connection():
    """End our own session from a second one. SQLite has none: there the disk fails, and it rolls back."""
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        connection.connection.rollback()
        raise OperationalError("disk I/O error")
    ours = connection.connection.info
    with psycopg.connect(ours.dsn, password=ours.password, autocommit=True) as other:
        gone = other.execute(
            "SELECT pg_terminate_backend(%s, %s)", [ours.backend_pid, GONE_SECONDS * 1000]
        ).fetchone()
    if gone != (True,):
        raise RuntimeError("The session would not end.")


def freeze():
    """Stop until somebody sends SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)


ACTIONS = {"exit": end_here, "raise": fail, "lost connection": lose_connection, "freeze": freeze}
TOLERATED = {"raise": (Planted,), "lost connection": (Error,)}
"""What a task or request of the process that was struck may fail with."""
