"""A decision's verdicts as they are stored: workflows that say the same share one entry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_LENGTH = 4


def fold(rows: Iterable[list[Any]]) -> list[list[Any]]:
    """Rows ``[version id, verdict, index, reason]``; those alike but for the version become one."""
    alike: dict[tuple[Any, ...], list[Any]] = {}
    for version_id, *said in rows:
        alike.setdefault(tuple(said), []).append(version_id)
    return [[ids if len(ids) > 1 else ids[0], *said] for said, ids in alike.items()]


def unfold(stored: Any) -> list[list[Any]]:
    """One row for each version. What has another shape is left out."""
    entries = stored if isinstance(stored, list) else []
    return [
        [version_id, *entry[1:]]
        for entry in entries
        if isinstance(entry, list) and len(entry) == _LENGTH
        for version_id in (entry[0] if isinstance(entry[0], list) else entry[:1])
    ]
