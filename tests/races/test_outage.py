"""PostgreSQL refuses everybody while calls are in the air: their answers are written down when it is back."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import psycopg
import pytest
from django.db import OperationalError, connection
from psycopg import sql

from isflow.infra import http
from tests.factories import make_workspace
from tests.factories_workflows import document, due_runs, looking, publish, walk
from tests.races.arena import Background, until
from workflows.engine.clock import now
from workflows.engine.flights import flights
from workflows.models import Run, StepExecution

pytestmark = pytest.mark.postgres

LET_IN = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
END_ALL = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"


@contextmanager
def everybody_shut_out():
    """End all sessions of the database and let nobody in."""
    connection.ensure_connection()
    ours = connection.connection.info
    with psycopg.connect(ours.dsn, dbname="postgres", password=ours.password, autocommit=True) as other:
        other.execute(LET_IN.format(sql.Identifier(ours.dbname), sql.SQL("false")))
        try:
            other.execute(END_ALL, [ours.dbname])
            yield
        finally:
            other.execute(LET_IN.format(sql.Identifier(ours.dbname), sql.SQL("true")))


def is_back():
    """A worker's next task begins with a connection that works, or fails."""
    connection.close_if_unusable_or_obsolete()
    try:
        connection.ensure_connection()
    except OperationalError:
        return False
    return connection.is_usable()


def test_answers_outlive_an_outage(monkeypatch, settings):
    settings.ISFLOW_LEASE_SECONDS = 60
    monkeypatch.setattr(connection.pool, "timeout", 0.2)
    workspace = make_workspace()
    draft = document(
        "manual",
        ("call", "http_request", {"method": "POST", "url": "https://api.example.org/", "body": "{}"}),
        ("note", "add_comment", {"text": "Called"}),
    )
    due_runs(workspace, publish(workspace, draft), 3, "call", at=now())
    made, may_answer = [], threading.Event()

    def send(request):
        made.append(request)
        assert may_answer.wait(20)
        return http.HttpAnswer(status=200, headers=(), body=b"{}", truncated=False, elapsed=0.1)

    monkeypatch.setattr(http, "send", send)
    worker = Background("worker", walk)
    until(lambda: len(made) == 3)
    with everybody_shut_out():
        may_answer.set()
        with pytest.raises(OperationalError):
            worker.join()
        assert len(flights._back) == 3
    until(is_back, seconds=20)
    walk()
    with looking(workspace):
        assert set(Run.objects.values_list("status", "end_reason")) == {("ended", "completed")}
        states = StepExecution.objects.order_by("step_id", "pk").values_list("step_id", "status")
        assert list(states) == [("call", "done")] * 3 + [("note", "done")] * 3
    assert len(made) == 3
