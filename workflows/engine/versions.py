"""Compiled definitions, cached in the process: a published version never changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import Any

import structlog

from isflow.kernel.errors import Rejected
from workflows.definition.compile import Definition, compile_definition
from workflows.definition.schema import parse_document
from workflows.models import WorkflowVersion

CAPACITY = 2_000

log = structlog.get_logger(__name__)

_cache: OrderedDict[int, Definition] = OrderedDict()
_lock = Lock()


def definitions(version_ids: Iterable[int]) -> dict[int, Definition]:
    """The compiled definitions of these versions, with one query for those not seen before.

    A version that cannot be read by this release (a plug-in was removed) is missing from the answer.
    """
    wanted = set(version_ids)
    with _lock:
        found = {key: _cache[key] for key in wanted if key in _cache}
        for key in found:
            _cache.move_to_end(key)
    missing = wanted - found.keys()
    if missing:
        rows = WorkflowVersion.objects.filter(pk__in=missing).values_list("pk", "definition")
        loaded = {key: definition for key, raw in rows if (definition := _compiled(key, raw)) is not None}
        found |= loaded
        with _lock:
            _cache.update(loaded)
            while len(_cache) > CAPACITY:
                _cache.popitem(last=False)
    return found


def _compiled(version_id: int, raw: dict[str, Any]) -> Definition | None:
    try:
        return compile_definition(parse_document(raw))
    except Rejected as error:
        log.error("version.unreadable", version_id=version_id, reason=error.message)  # noqa: TRY400 - no bug of ours
        return None


def forget_all() -> None:
    """Empty the cache; tests reuse ids."""
    with _lock:
        _cache.clear()
