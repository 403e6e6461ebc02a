"""What the database alone allows: the rows of one run written by hand, without any framework."""

from __future__ import annotations

import http.client
import json
import sqlite3
import time
from contextlib import closing
from urllib.parse import urlsplit

import psycopg
import redis

from tests.bench.load import percentile

SECONDS = 3.0
BATCH = 100
TABLES = """
CREATE TABLE floor_event (id {serial}, contact int, kind text, payload text, at text);
CREATE TABLE floor_run (id {serial}, event int, status text, step text, variables text, wake_at text);
CREATE TABLE floor_visit (id {serial}, run int, seq int, step text, status text, details text);
"""
EVENT = "INSERT INTO floor_event (contact, kind, payload, at) VALUES {} RETURNING id"
RUN = "INSERT INTO floor_run (event, status, step, variables) VALUES {} RETURNING id"
VISIT = "INSERT INTO floor_visit (run, seq, step, status, details) VALUES {}"
END = "UPDATE floor_run SET status = 'ended', step = 'call' WHERE id {}"
VISITS = 5


def postgres_floors(database_url):
    """Runs per second with one commit each, and with one commit for a batch."""
    url = database_url.replace("postgres://", "postgresql://", 1)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for statement in filter(str.strip, TABLES.format(serial="bigserial PRIMARY KEY").split(";")):
            cursor.execute(statement)
        connection.commit()
        single = _rate(lambda: _write(cursor, connection, 1, "%s"))
        batch = _rate(lambda: _write(cursor, connection, BATCH, "%s")) * BATCH
        for table in ("floor_event", "floor_run", "floor_visit"):
            cursor.execute(f"DROP TABLE {table}")
        connection.commit()
    return {"one_commit_per_run": round(single), "one_commit_per_batch": round(batch)}


def sqlite_floors(folder):
    """The same on a file of its own."""
    with closing(sqlite3.connect(folder / "floor.sqlite3")) as connection:
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;")
        connection.executescript(TABLES.format(serial="integer PRIMARY KEY"))
        cursor = connection.cursor()
        single = _rate(lambda: _write(cursor, connection, 1, "?"))
        batch = _rate(lambda: _write(cursor, connection, BATCH, "?")) * BATCH
    return {"one_commit_per_run": round(single), "one_commit_per_batch": round(batch)}


def latency_floor(database_url, redis_url, stub_url, rounds=200):
    """POST, INSERT, hint, HTTP by hand, one after the other: p50 and p99 in milliseconds."""
    parts = urlsplit(stub_url)
    door = http.client.HTTPConnection(parts.hostname, parts.port)
    outside = http.client.HTTPConnection(parts.hostname, parts.port)
    broker = redis.Redis.from_url(redis_url)
    url = database_url.replace("postgres://", "postgresql://", 1)
    took = []
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE floor_latency (id bigserial PRIMARY KEY, payload text)")
        connection.commit()
        for number in range(rounds):
            begun = time.perf_counter()
            _request(door, f"/door?id=floor-door-{number}")
            cursor.execute("INSERT INTO floor_latency (payload) VALUES (%s)", (json.dumps({"n": number}),))
            connection.commit()
            broker.lpush("isflow-floor", "hint")
            broker.brpop("isflow-floor", 1)
            _request(outside, f"/call?id=floor-{number}")
            took.append(time.perf_counter() - begun)
        cursor.execute("DROP TABLE floor_latency")
        connection.commit()
    for connection in (door, outside, broker):
        connection.close()
    return {"p50_ms": percentile(took, 0.5), "p99_ms": percentile(took, 0.99)}


def _request(connection, path):
    connection.request("POST", path, body=b"{}")
    connection.getresponse().read()


def _write(cursor, connection, runs, mark):
    """Event, run, five journal rows and the final update of so many runs; one commit."""
    events = _insert(cursor, EVENT, [(7, "webhook_received", '{"workflow_id": 1}', "now")] * runs, mark)
    ids = _insert(cursor, RUN, [(event, "running", "choose", '{"total": 250}') for event in events], mark)
    visits = [
        (run, seq, "step", "done", '{"inputs": {"text": "some text"}}')
        for run in ids
        for seq in range(VISITS)
    ]
    _insert(cursor, VISIT, visits, mark, returning=False)
    cursor.execute(END.format(f"IN ({','.join([mark] * runs)})"), ids)
    connection.commit()


def _insert(cursor, statement, rows, mark, *, returning=True):
    group = f"({','.join([mark] * len(rows[0]))})"
    values = [value for row in rows for value in row]
    cursor.execute(statement.format(",".join([group] * len(rows))), values)
    return [row[0] for row in cursor.fetchall()] if returning else []


def _rate(action):
    """How often per second."""
    done, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < SECONDS:
        action()
        done += 1
    return done / (time.perf_counter() - begun)
