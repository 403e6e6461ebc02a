"""Deleting what is too old: many small transactions, the owners in turn, a bounded time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Model, QuerySet

INTERVAL = 600
"""Seconds between two rounds."""

_M = TypeVar("_M", bound=Model)
_T = TypeVar("_T")


def deadline() -> Callable[[], bool]:
    """Return what says whether the time of a round that begins now is over."""
    end = monotonic() + settings.ISFLOW_PRUNE_SECONDS
    return lambda: monotonic() >= end


def prune_in_turns(owners: Sequence[_T], batch: Callable[[_T], int], is_over: Callable[[], bool]) -> int:
    """Call ``batch`` for the owners in turn until each says that nothing is left; return the sum."""
    total = 0
    turns = list(owners)
    while turns:
        left: list[_T] = []
        for owner in turns:
            if is_over():
                return total
            count = batch(owner)
            total += count
            if count:
                left.append(owner)
        turns = left
    return total


def delete_unseen(rows: QuerySet[_M, Any]) -> int:
    """Delete rows by one statement, loading none: no signals, no cascades; return how many there were.

    The caller answers for rows that refer to them.
    """
    return rows._raw_delete(rows.db)  # noqa: SLF001 - delete() may load the rows
