from __future__ import annotations

import json
import shutil
from typing import NamedTuple

import pytest
from django.db import DatabaseError

from isflow.infra import health, workers


class Usage(NamedTuple):
    """What the system tells of a disk."""

    free: int


class Broken:
    alias = "default"

    def cursor(self):
        raise DatabaseError


class Behind:
    """Says that a migration is missing."""

    class loader:  # noqa: N801 - as the real one is used
        class graph:  # noqa: N801
            @staticmethod
            def leaf_nodes():
                return ["leaf"]

    def __init__(self, connection):
        pass

    def migration_plan(self, nodes):
        return nodes


@pytest.fixture(autouse=True)
def _fresh():
    workers.forget()
    health._migrated.clear()
    yield
    health._migrated.clear()


def deep(client):
    response = client.get("/health/deep")
    return response.status_code, response.json()


def test_a_process_that_answers_is_alive(client):
    response = client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_ready_when_the_database_answers_and_is_up_to_date(client):
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.json()["checks"] == {"database": True, "migrations": True}


def test_not_ready_when_the_database_does_not(client, monkeypatch):
    monkeypatch.setattr(health, "connection", Broken())
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "checks": {"database": False}, "reason": "database"}


@pytest.mark.django_db
def test_not_ready_before_the_migrations_are_applied_and_ready_after(client, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(health, "MigrationExecutor", Behind)
        response = client.get("/health/ready")
        assert (response.status_code, response.json()["reason"]) == (503, "migrations")
    assert client.get("/health/ready").status_code == 200


@pytest.mark.django_db
def test_not_ready_when_redis_refuses(client, settings):
    settings.REDIS_URL = "redis://:hush@127.0.0.1:1/0"
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"] == {"database": True, "migrations": True, "redis": False}
    assert "hush" not in response.content.decode()


@pytest.mark.django_db
def test_everything_is_well_while_somebody_looks_for_work(client):
    workers.beat()
    status, found = deep(client)
    assert (status, found["status"]) == (200, "ok")
    expected = {"database", "migrations", "sweeper", "disk", "events", "runs", "messages", "deliveries"}
    assert found["checks"].keys() == expected
    assert all(part["ok"] for part in found["checks"].values())


@pytest.mark.django_db
def test_a_stopped_sweeper_is_flagged_within_ten_seconds(client, monkeypatch):
    workers.beat()
    now = workers.time.time()
    monkeypatch.setattr(workers.time, "time", lambda: now + 9)
    status, found = deep(client)
    assert status == 503
    assert found["status"] == "degraded"
    assert [name for name, part in found["checks"].items() if not part["ok"]] == ["sweeper"]


@pytest.mark.django_db
def test_no_worker_at_all_is_flagged(client):
    status, found = deep(client)
    assert status == 503
    assert found["checks"]["sweeper"] == {"ok": False, "age_seconds": None, "workers": 0}


@pytest.mark.django_db
def test_redis_that_does_not_answer_is_flagged_and_its_password_kept(client, settings):
    workers.beat()
    settings.REDIS_URL = "redis://:hush@127.0.0.1:1/0"
    status, found = deep(client)
    assert (status, found["checks"]["redis"]) == (503, {"ok": False})
    assert "hush" not in json.dumps(found)


@pytest.mark.django_db
def test_a_full_disk_is_flagged(client, monkeypatch):
    workers.beat()
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(1000))
    status, found = deep(client)
    assert (status, found["checks"]["disk"]) == (503, {"ok": False, "free_bytes": 1000})


def test_a_database_that_is_away_is_flagged_and_nothing_else_asked_of_it(client, monkeypatch):
    workers.beat()
    monkeypatch.setattr(health, "connection", Broken())
    status, found = deep(client)
    assert status == 503
    assert found["checks"]["database"] == {"ok": False}
    assert "runs" not in found["checks"]


@pytest.mark.django_db
def test_a_part_whose_tables_fail_is_flagged(client, monkeypatch):
    def broken():
        raise DatabaseError

    workers.beat()
    monkeypatch.setitem(health._probes, "runs", broken)
    status, found = deep(client)
    assert (status, found["checks"]["runs"]) == (503, {"ok": False, "error": "DatabaseError"})
