"""Everything a chaos run left behind: the database read once, and what the outside world remembers."""

from __future__ import annotations

from collections import Counter, defaultdict

import psycopg
from psycopg.rows import dict_row

INTERRUPTED = "Sending was interrupted"
"""How the error of a message begins whose sender died."""


RUN = (
    "id, workflow_id, contact_id, version_id, event_id, parent_run_id, status, step_id, seq, wake_at, "
    "lease_until, "
    "end_reason, end_message, started_at, ended_at"
)
VISIT = "id, run_id, seq, step_id, status, outlet, finished_at, details->'notes' AS notes"
WAIT = "id, run_id, seq, kind, status, resolution, wake_at"
EVENT = "id, kind, contact_id, run_id, is_pending, payload->>'field' AS field"
MESSAGE = "id, direction, status, error, key, external_id, run_id"
"""What is looked at; whole rows of a soak would fill the memory."""


class Ledger:
    """The database after the run, read once, with what the outside world remembers."""

    def __init__(self, dsn, site, taken, world):
        self.site, self.taken, self.world = site, taken, world
        with psycopg.connect(dsn, row_factory=dict_row) as connection:
            self.connection = connection
            self.runs = self.rows("workflows_run", RUN, "id")
            self.visits = self.rows("workflows_stepexecution", VISIT, "run_id, seq")
            self.waits = self.rows("workflows_wait", WAIT, "id")
            self.events = self.rows("workflows_event", EVENT, "id")
            self.decisions = self.all("SELECT event_id, verdicts FROM workflows_decision")
            self.messages = self.rows("conversations_message", MESSAGE, "id")
            self.comments = Counter(row["text"] for row in self.all("SELECT text FROM conversations_comment"))
            self.deliveries = self.all(
                "SELECT id, status, error FROM channels_app_inbounddelivery WHERE status <> 'processed'"
            )
            self.changes = self.all("SELECT * FROM chaos_status")
            self.lost_leases = self.all("SELECT * FROM chaos_lost")
            self.definitions = {
                row["id"]: row["definition"]
                for row in self.all("SELECT id, definition FROM workflows_workflowversion")
            }
            self.enrolments = Counter(
                (row["workflow_id"], row["contact_id"])
                for row in self.all("SELECT workflow_id, contact_id FROM workflows_enrolment")
            )
        self.out = [row for row in self.messages if row["direction"] == "out"]
        self.visits_of = defaultdict(list)
        for visit in self.visits:
            visit["kind"] = visit["step_id"].partition("_")[0]
            self.visits_of[visit["run_id"]].append(visit)
        self.sends = defaultdict(list)
        for send in world["sends"]:
            self.sends[send["key"]].append(send)
        self.calls = defaultdict(list)
        for call in world["calls"]:
            self.calls[call["key"]].append(call)

    def all(self, sql):
        return self.connection.execute(sql).fetchall()

    def rows(self, table, columns, order):
        return self.all(f"SELECT {columns} FROM {table} ORDER BY {order}")  # noqa: S608 - our own words


def wire_key(message):
    """The key under which the provider saw a message."""
    return message["key"] or str(message["id"])


def lateness(ledger):
    """How late each timer was: ``(run, seconds)``."""
    waits = {(wait["run_id"], wait["seq"]): wait for wait in ledger.waits}
    for visit in ledger.visits:
        wait = waits.get((visit["run_id"], visit["seq"]))
        timed_out = wait is not None and (wait["resolution"] or {}).get("type") == "timed_out"
        if timed_out and wait["kind"] in {"timer", "question"} and visit["finished_at"]:
            yield visit["run_id"], (visit["finished_at"] - wait["wake_at"]).total_seconds()
