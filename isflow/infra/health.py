"""Health pages for supervisors: alive means the process answers, ready means its services do.

The deep page looks at everything that may stand still: the queues, the sweeper, Redis, the disk. The apps
above add their parts with ``register_probe``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache

from isflow.infra.supervisors import refusal
from isflow.infra.workers import workers_seen

REDIS_TIMEOUT: Final = 1.0
SWEEPER_LIMIT: Final = 8.0
"""Seconds without anybody looking for work before the sweeper counts as stopped; it looks every second."""
MIN_FREE_BYTES: Final = 500 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """How one part is. ``figures``: numbers or short words; never anything secret."""

    ok: bool
    figures: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {"ok": self.ok, **self.figures}


_probes: dict[str, Callable[[], Part]] = {}
_migrated: set[str] = set()


def register_probe(name: str, probe: Callable[[], Part]) -> None:
    """Have the deep page look at one more part; the same name again replaces it."""
    _probes[name] = probe


@never_cache
def live(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - a view's signature
    """Answer 200 as long as the process can answer at all."""
    return JsonResponse({"status": "ok"})


@never_cache
def ready(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - a view's signature
    """Answer 200 when the database (and Redis, where it is used) answers and is up to date, else 503."""
    checks = {"database": _database_answers()}
    if checks["database"]:
        checks["migrations"] = _migrations_applied()
    if settings.REDIS_URL:
        checks["redis"] = _redis_answers()
    healthy = all(checks.values())
    answer: dict[str, Any] = {"status": "ok" if healthy else "unavailable", "checks": checks}
    if not healthy:
        answer["reason"] = ", ".join(name for name, fine in checks.items() if not fine)
    return JsonResponse(answer, status=200 if healthy else 503)


@never_cache
def deep(request: HttpRequest) -> HttpResponse:
    """Answer with the state of every part, to those who may know: 200 if all are well, else 503."""
    refused = refusal(request)
    if refused is not None:
        return refused
    parts = look()
    healthy = all(part.ok for part in parts.values())
    checks = {name: part.to_json() for name, part in parts.items()}
    return JsonResponse(
        {"status": "ok" if healthy else "degraded", "checks": checks}, status=200 if healthy else 503
    )


def look() -> dict[str, Part]:
    """Look at every part now. What needs the database is not asked while that is away."""
    database = _database_answers()
    parts = {"database": Part(database), "sweeper": _sweeper(), "disk": _disk()}
    if settings.REDIS_URL:
        parts["redis"] = Part(_redis_answers())
    if database:
        parts["migrations"] = Part(_migrations_applied())
        parts |= {name: _probed(probe) for name, probe in _probes.items()}
    return parts


def _probed(probe: Callable[[], Part]) -> Part:
    try:
        return probe()
    except DatabaseError as error:
        return Part(ok=False, figures={"error": type(error).__name__})


def _sweeper() -> Part:
    seen = workers_seen()
    age = seen[0].age if seen else None
    figures = {"age_seconds": None if age is None else round(age, 1), "workers": len(seen)}
    return Part(age is not None and age <= SWEEPER_LIMIT, figures)


def _disk() -> Part:
    try:
        free = shutil.disk_usage(settings.ISFLOW_DATA_DIR).free
    except OSError as error:
        return Part(ok=False, figures={"error": type(error).__name__})
    return Part(free >= MIN_FREE_BYTES, {"free_bytes": free})


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _migrations_applied() -> bool:
    """Whether the tables are those of this code; once they are, they stay so for this process."""
    if connection.alias in _migrated:
        return True
    try:
        executor = MigrationExecutor(connection)
        is_done = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return False
    if is_done:
        _migrated.add(connection.alias)
    return is_done


def _redis_answers() -> bool:
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT
    )
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
