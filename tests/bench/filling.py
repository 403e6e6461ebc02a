# ruff: noqa: S608 - the SQL is put together from our own numbers
"""Fills a database with as many rows as a measurement needs, by copying rows that isflow made itself.

Run as ``python -m tests.bench.filling <command> ...`` in an installation's environment (PostgreSQL).
Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys

import django

django.setup()

from django.db import connection  # noqa: E402 - after setup
from django.utils import timezone  # noqa: E402

from contacts.models import Contact, Tag  # noqa: E402
from isflow.infra.tasks import captured_hints  # noqa: E402
from isflow.kernel.actor import Actor  # noqa: E402
from isflow.workspaces.models import Membership, Role, User  # noqa: E402
from isflow.workspaces.scope import workspace_scope  # noqa: E402
from tests.bench import flows  # noqa: E402
from tests.factories_workflows import publish  # noqa: E402
from workflows.engine.children import Start, start_directly  # noqa: E402
from workflows.engine.pull import pull  # noqa: E402
from workflows.engine.versions import definitions  # noqa: E402
from workflows.models import Event, Run, StepExecution, Wait, Workflow  # noqa: E402

PEOPLE_PER_FLOW = 100_000


def multiply(row, source, **columns):
    """Insert a copy of ``row`` for every row ``s`` of an SQL query; ``columns``: SQL for what differs."""
    table = row._meta.db_table
    names = [field.column for field in row._meta.concrete_fields if not field.primary_key]
    values = ", ".join(columns.get(name, f'r."{name}"') for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    sql = f"INSERT INTO {table} ({quoted}) SELECT {values} FROM {table} r, ({source}) s WHERE r.id = {row.pk}"
    with connection.cursor() as cursor:
        # What is copied holds together; checking each row again would take most of the time.
        cursor.execute("SET synchronous_commit = off; SET session_replication_role = replica")
        cursor.execute(sql)


def execute(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def people(workspace, number):
    """As many contacts as that; the first is there already."""
    with workspace_scope(workspace.pk):
        first = Contact.objects.get()
        name = "'C' || n"
        multiply(
            first,
            f"SELECT n FROM generate_series(1, {number - 1}) n",
            email="'c' || n || '@example.org'",
            first_name=name,
        )
    return first


def started(workflow, contact):
    """A run of that workflow as the engine makes and moves it."""
    with workspace_scope(workflow.workspace_id), captured_hints():
        definition = definitions([workflow.published_id])[workflow.published_id]
        start = Start(
            workflow_id=workflow.pk,
            version_id=workflow.published_id,
            definition=definition,
            contact_id=contact.pk,
            kind="manual",
            actor=Actor(source="api"),
        )
        start_directly([start], timezone.now(), workspace_id=workflow.workspace_id)
        pull()
        return Run.objects.get(workflow=workflow)


def copies(run, source, **columns):
    """Copies of a run with journal and waits, one for each row (contact, workflow, version) of a query."""
    columns = {"contact_id": "s.contact", "workflow_id": "s.workflow", "version_id": "s.version", **columns}
    multiply(run, source, **columns)
    new = (
        f"SELECT id, contact_id, wake_at FROM workflows_run "
        f"WHERE workspace_id = {run.workspace_id} AND id > {run.pk}"
    )
    with workspace_scope(run.workspace_id):
        for wait in Wait.objects.filter(run=run):
            multiply(wait, new, run_id="s.id", contact_id="s.contact_id", wake_at="s.wake_at")
        for visit in StepExecution.objects.filter(run=run):
            multiply(visit, new, run_id="s.id")


def waiting(options):
    """Runs that wait: ``parked`` for a day, none of them due while we measure."""
    each = min(PEOPLE_PER_FLOW, options.parked)
    workspace, workflow = flows.make_shop("timers", flows.flow_wait(), 1)
    first = people(workspace, each + 1)
    for number in range(1, -(-options.parked // each)):
        publish(workspace, flows.flow_wait(), f"timers {number}")
    run = started(workflow, first)
    published = (
        "SELECT c.id AS contact, w.id AS workflow, w.published_id AS version FROM contacts_contact c, "
        f"workflows_workflow w WHERE c.workspace_id = {workspace.pk} AND w.workspace_id = {workspace.pk} "
        f"AND c.id <> {first.pk} ORDER BY c.id, w.id LIMIT {options.parked}"
    )
    copies(run, published)
    due = publish(workspace, flows.flow_wait(), "due")
    connection.close()
    for table in ("contacts_contact", "workflows_run", "workflows_wait", "workflows_stepexecution"):
        execute(f"VACUUM ANALYZE {table}")
    return {"workspace": workspace.pk, "run": run.pk, "due": due.pk}


def due(options):
    """Runs of which so many come due each second, beginning in a few seconds."""
    with workspace_scope(options.workspace):
        workflow = Workflow.objects.get(name="due")
        run = started(workflow, Contact.objects.order_by("-pk")[0])
    begin = f"now() + interval '{options.ahead} seconds'"
    source = (
        f"SELECT id AS contact, {workflow.pk} AS workflow, {workflow.published_id} AS version, {begin} + "
        f"(row_number() OVER (ORDER BY id)) * interval '1 second' / {options.rate} AS due "
        f"FROM contacts_contact WHERE workspace_id = {options.workspace} ORDER BY id LIMIT {options.runs}"
    )
    copies(run, source, wake_at="s.due")
    latest = execute(
        "SELECT extract(epoch FROM min(wake_at) - clock_timestamp()) FROM workflows_run "
        f"WHERE workflow_id = {workflow.pk} AND id > {run.pk}"
    )
    return {"first": run.pk, "workflow": workflow.pk, "ahead": float(latest[0][0])}


def runs(options):
    """Runs of ten workflows, seven tenths of them of the first, most of them ended; the rarest the oldest."""
    workspace, workflow = flows.make_shop("runs", flows.flow_wait(), 1)
    number = options.runs
    first = people(workspace, min(PEOPLE_PER_FLOW, number // 10) + 1)
    others = [publish(workspace, flows.flow_wait(), f"runs {n}") for n in range(9)]
    found = ", ".join(f"({n}, {w.pk}, {w.published_id})" for n, w in enumerate([workflow, *others]))
    run = started(workflow, first)
    is_waiting = f"s.n BETWEEN {number // 5 + 200} AND {number * 3 // 10 - 1}"
    is_ended = f"NOT (s.n <= 103 AND s.n > 100 OR {is_waiting})"
    multiply(
        run,
        f"SELECT n, c.id AS contact, f.id AS workflow, f.version FROM generate_series(1, {number}) n "
        f"JOIN (VALUES {found}) f (place, id, version) ON f.place = greatest(0, n % 10 - 6) "
        "JOIN (SELECT id, row_number() OVER (ORDER BY id DESC) - 1 AS place FROM contacts_contact "
        f"WHERE workspace_id = {workspace.pk} AND id <> {first.pk}) c "
        f"ON c.place = n % {min(PEOPLE_PER_FLOW, number // 10)} ORDER BY n",
        contact_id="s.contact",
        workflow_id="s.workflow",
        version_id="s.version",
        status=f"CASE WHEN {is_waiting} THEN 'waiting' WHEN {is_ended} THEN 'ended' ELSE 'held' END",
        end_reason=f"CASE WHEN NOT ({is_ended}) THEN '' WHEN s.n <= 100 THEN 'internal_error' "
        "WHEN s.n % 50 = 1 THEN 'no_next_step:failure' WHEN s.n % 50 = 2 THEN 'timeout' ELSE 'completed' END",
        wake_at=f"CASE WHEN {is_waiting} THEN r.wake_at END",
        ended_at=f"CASE WHEN {is_ended} THEN r.started_at END",
        variables="'{}'",
    )
    owner = User.objects.create_user(email="owner@runs.example", password=None)
    with workspace_scope(workspace.pk):
        Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
    connection.close()
    execute("VACUUM ANALYZE workflows_run")
    return {"workspace": workspace.pk, "workflow": workflow.pk, "first": run.pk}


def listening(options):
    """A shop where so many workflows listen for tags and one of them for ours; an event for each contact."""
    workspace = flows.make_workspace(options.slug, 1)
    first = people(workspace, options.runs)
    with workspace_scope(workspace.pk):
        tags = [Tag.objects.create(workspace=workspace, name=f"Tag {n}").pk for n in range(options.flows)]
    for number, tag in enumerate(tags):
        publish(workspace, flows.flow_tag(tag), f"listener {number}")
    with workspace_scope(workspace.pk):
        event = Event.objects.create(
            workspace=workspace,
            contact=first,
            kind="contact_tag_updated",
            payload={"action": "add", "tag_id": tags[0], "tag": "Tag 0"},
            source="user",
            at=timezone.now(),
        )
    others = f"SELECT id FROM contacts_contact WHERE workspace_id = {workspace.pk} AND id <> {first.pk}"
    multiply(event, others, contact_id="s.id")
    connection.close()
    execute("VACUUM ANALYZE workflows_event")
    return {"workspace": workspace.pk}


COMMANDS = {
    "waiting": waiting,
    "due": due,
    "listening": listening,
    "runs": runs,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--slug", default="bench")
    parser.add_argument("--workspace", type=int, default=0)
    parser.add_argument("--parked", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--ahead", type=float, default=5.0)
    parser.add_argument("--flows", type=int, default=1)
    options = parser.parse_args()
    sys.stdout.write(json.dumps(COMMANDS[options.command](options)) + "\n")


if __name__ == "__main__":
    main()
