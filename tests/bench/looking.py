"""Looks at a filled database: explains the statements that find due runs, visits the pages that list runs.

Run as ``python -m tests.bench.looking <command> ...`` in an installation's environment (PostgreSQL).
Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter

import django

django.setup()

from django.db import connection, transaction  # noqa: E402 - after setup
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from isflow.infra.tasks import captured_hints  # noqa: E402
from isflow.workspaces.models import User  # noqa: E402
from isflow.workspaces.scope import workspace_scope  # noqa: E402
from tests.harness.processes import Usage  # noqa: E402
from workflows.engine.claims import claim_runs, outlook  # noqa: E402
from workflows.engine.pull import pull  # noqa: E402
from workflows.models import Decision, Event, Run, unfold  # noqa: E402

BACKEND = "django.contrib.auth.backends.ModelBackend"
EXPLAINED = 5
DUE = """
UPDATE workflows_run SET wake_at = now() - interval '1 second'
WHERE id IN (SELECT id FROM workflows_run WHERE workspace_id = %s AND status = 'waiting' LIMIT 100)
"""


def explain(options):
    """What the statements that find due runs cost: with a batch of due runs, which stay as they were."""
    with workspace_scope(options.workspace), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(DUE, [options.workspace])
        looking = explained(outlook)
        claiming = explained(lambda: claim_runs(options.workspace))
        transaction.set_rollback(True)
    return {"looking for due runs": looking, "claiming 100 due runs": claiming}


def explained(action):
    """Do it, explain its one statement some times, and undo all of it; the middle one of the explanations."""
    told = []

    def note(run, sql, params, many, context):
        told.append((sql, params))
        return run(sql, params, many, context)

    place = transaction.savepoint()
    with connection.execute_wrapper(note):
        action()
    transaction.savepoint_rollback(place)
    ((sql, params),) = told
    found = [_explained(sql, params) for _ in range(EXPLAINED)]
    return sorted(found, key=lambda cost: cost["execution"])[EXPLAINED // 2]


def _explained(sql, params):
    place = transaction.savepoint()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
        ((found,),) = cursor.fetchall()
    transaction.savepoint_rollback(place)
    plan = found[0]["Plan"]
    return {
        "execution": found[0]["Execution Time"],
        "planning": found[0]["Planning Time"],
        "buffers": plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
        "index": ", ".join(sorted(indexes(plan))),
    }


def indexes(plan):
    """Every index or whole table that a plan reads."""
    found = {plan["Index Name"]} if "Index Name" in plan else set()
    if plan["Node Type"] == "Seq Scan":
        found.add(f"all of {plan['Relation Name']}")
    return found.union(*(indexes(part) for part in plan.get("Plans", ())))


def pages(options):
    """Milliseconds and queries of every page, as Django takes for it."""
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(
        User.objects.get(email="owner@runs.example"), backend="django.contrib.auth.backends.ModelBackend"
    )
    return {name: visited(client, address, options.rounds) for name, address in addresses(options).items()}


def addresses(options):
    """Every way to look at runs, by name."""
    listed, mine = "/admin/workflows/run/", f"workflow={options.workflow}"
    with workspace_scope(options.workspace):
        newest, oldest = Run.objects.latest("pk").pk, Run.objects.earliest("pk").pk
    places = {"newest": "", "half way": f"p={(newest + oldest) // 2}", "last": f"p=-{oldest}"}
    states = ("active", "waiting", "held", "ended")
    reasons = ("completed", "timeout", "no_next_step", "internal_error")
    filters = {name: f"state={name}" for name in states} | {name: f"reason={name}" for name in reasons}
    found = {f"of all workflows, {name}": f"{listed}?{query}" for name, query in (places | filters).items()}
    found |= {f"of one, {name}": f"{listed}?{mine}&{query}" for name, query in (places | filters).items()}
    found |= {
        f"of one, {name}, half way": f"{listed}?{mine}&{query}&{places['half way']}"
        for name, query in filters.items()
    }
    found["search of a person"] = f"{listed}?q=c777@example.org"
    found["workflows, people inside"] = "/admin/workflows/workflow/"
    found["form of the workflow"] = f"/admin/workflows/workflow/{options.workflow}/change/"
    return found


def visited(client, address, rounds):
    took, spent = [], []
    for _ in range(rounds + 1):
        begun, used = time.perf_counter(), time.process_time()
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(address)
        took.append(time.perf_counter() - begun)
        spent.append(time.process_time() - used)
        if answer.status_code != 200:
            raise RuntimeError(f"{address}: {answer.status_code}")
    slowest = max(captured, key=lambda query: float(query["time"]))
    return {
        "took": took[1:],
        "cpu": min(spent),
        "queries": len(captured),
        "database": float(slowest["time"]),
        "slowest": slowest["sql"][-1500:],
    }


def decide(options):
    """Decide a workspace's events and walk what they start; a first batch fills the caches uncounted."""
    left = iter([False])
    counted = Counter()

    def count(run, sql, params, many, context):
        counted[sql.split(" ", 1)[0]] += 1
        return run(sql, params, many, context)

    me, url = {"me": os.getpid()}, os.environ["DATABASE_URL"]
    with captured_hints(), workspace_scope(options.workspace):
        pull(lambda: next(left, True))
        waiting = Event.objects.filter(is_pending=True, kind="contact_tag_updated")
        number, before = waiting.count(), Usage.of(me, url)
        begun = time.perf_counter()
        with connection.execute_wrapper(count):
            pull()
        seconds, used = time.perf_counter() - begun, Usage.of(me, url).since(before)
        undone = waiting.count() + Run.objects.filter(status="running").count()
        decided = Decision.objects.filter(event__kind="contact_tag_updated")
        verdicts = decided.latest("pk").verdicts
        ended = Run.objects.filter(status="ended").count()
    return {
        "events": number,
        "undone": undone,
        "seconds": seconds,
        "cpu": used,
        "queries": counted.total(),
        "runs": ended,
        "verdicts": len(unfold(verdicts)),
    }


def walk(options):
    """Say that we are ready, wait for a line, and walk a workspace's runs; when it began and was done."""

    def over():
        with workspace_scope(options.workspace):
            return not Run.objects.filter(status__in=["running", "waiting"]).exists()

    connection.ensure_connection()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    begun = time.time()
    with captured_hints():
        pull(over)
    return {"begun": begun, "ended": time.time()}


COMMANDS = {"decide": decide, "explain": explain, "pages": pages, "walk": walk}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--workspace", type=int, required=True)
    parser.add_argument("--workflow", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    sys.stdout.write(json.dumps(COMMANDS[options.command](options)) + "\n")


if __name__ == "__main__":
    main()
