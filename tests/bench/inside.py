"""What needs Django: run as ``python -m tests.bench.inside <command> ...`` in an installation's environment.

Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import json
import os
import pstats
import sys
import time

import django
import psutil

django.setup()

from django.db import connection, transaction  # noqa: E402 - after setup
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from contacts.models import Contact  # noqa: E402
from isflow.infra.tasks import captured_hints  # noqa: E402
from isflow.kernel.actor import Actor  # noqa: E402
from isflow.workspaces.models import Workspace  # noqa: E402
from isflow.workspaces.scope import all_workspaces, workspace_scope  # noqa: E402
from tests.bench import flows  # noqa: E402
from tests.harness.processes import Usage  # noqa: E402
from workflows.engine.children import Start, start_directly  # noqa: E402
from workflows.engine.clock import now  # noqa: E402
from workflows.engine.pull import pull  # noqa: E402
from workflows.engine.versions import definitions  # noqa: E402
from workflows.models import Event, Run, Workflow  # noqa: E402

CHUNK = 500


def seed(options):
    """A shop with one flow; the path of its webhook."""
    draft = {
        "f": lambda: flows.flow_f(options.stub),
        "m": flows.flow_m,
        "w": lambda: flows.flow_w(options.stub),
        "talk": flows.flow_talk,
    }[options.flow]()
    workspace, workflow = flows.make_shop(options.slug, draft, options.contacts)
    with workspace_scope(workspace.pk):
        token = workspace_channel().token
    return {"path": flows.webhook_path(workspace, workflow), "workspace": workspace.pk, "channel": token}


def workspace_channel():
    return Workflow._meta.apps.get_model("channels_app", "Channel").objects.get()


def count(options):
    """Runs of a workspace by status."""
    with workspace_scope(options.workspace):
        ended = Run.objects.filter(status="ended", end_reason="completed").count()
        return {"ended": ended, "all": Run.objects.count()}


def insert(options):
    """Start the flow for so many contacts; nobody works on it yet."""
    workspace = Workspace.objects.get(pk=options.workspace)
    begun = time.time()
    with workspace_scope(workspace.pk), captured_hints():
        workflow = Workflow.objects.get()
        definition = definitions([workflow.published_id])[workflow.published_id]
        people = list(Contact.objects.order_by("pk").values_list("pk", flat=True)[: options.runs])
        for place in range(0, len(people), CHUNK):
            starts = [
                Start(
                    workflow_id=workflow.pk,
                    version_id=workflow.published_id,
                    definition=definition,
                    contact_id=pk,
                    kind="webhook_received",
                    actor=Actor(source="api"),
                    variables={"total": 250, "order": f"e{workspace.pk}-{pk}"},
                )
                for pk in people[place : place + CHUNK]
            ]
            with transaction.atomic():
                start_directly(starts, now(), workspace_id=workspace.pk)
    return {"begun": begun}


def engine(options):
    """Work until nothing is due; runs per second and CPU of this process and the database."""
    profile = cProfile.Profile() if options.profile else None
    me = {"me": os.getpid()}
    connection.ensure_connection()
    with all_workspaces():
        Event.objects.exists()
    url = os.environ.get("DATABASE_URL", "")
    before, begun = Usage.of(me, url), time.perf_counter()
    if profile:
        profile.enable()
    with captured_hints():
        pull(lambda: runs_are_over(options.workspace))
    if profile:
        profile.disable()
    seconds = time.perf_counter() - begun
    cpu = Usage.of(me, url).since(before)
    with captured_hints():
        pull()
    all_in = time.perf_counter() - begun
    if profile:
        told = io.StringIO()
        pstats.Stats(profile, stream=told).sort_stats(options.sort).print_stats(45)
        sys.stderr.write(told.getvalue())
    memory = psutil.Process().memory_info().rss / 1e6
    return {"seconds": seconds, "with_events": all_in, "cpu": cpu, "memory": memory, **count(options)}


def runs_are_over(workspace_id):
    """Whether the measured runs are done; what their events cause is not waited for."""
    with workspace_scope(workspace_id):
        return not Run.objects.filter(status__in=["running", "waiting"]).exists()


def queries(options):
    """Statements of one run alone: in the request, and in the worker."""
    workspace = Workspace.objects.get(pk=options.workspace)
    with workspace_scope(workspace.pk):
        workflow = Workflow.objects.get()
    path = flows.webhook_path(workspace, workflow)
    spent = []
    caller = Client(HTTP_HOST="127.0.0.1")
    with captured_hints():
        for number in range(2):
            with CaptureQueriesContext(connection) as request:
                answer = caller.post(
                    path, flows.payload(number, f"q{number}"), content_type="application/json"
                )
                if answer.status_code != 200:
                    raise RuntimeError(answer.content)
            with CaptureQueriesContext(connection) as worker:
                pull()
            spent = [
                len([q for q in captured if not q["sql"].startswith(("BEGIN", "COMMIT"))])
                for captured in (request, worker)
            ]
    return {"request": spent[0], "worker": spent[1]}


COMMANDS = {"seed": seed, "count": count, "insert": insert, "engine": engine, "queries": queries}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--flow", default="f")
    parser.add_argument("--slug", default="bench")
    parser.add_argument("--stub", default="")
    parser.add_argument("--contacts", type=int, default=1000)
    parser.add_argument("--workspace", type=int, default=0)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--sort", default="tottime")
    options = parser.parse_args()
    sys.stdout.write(json.dumps(COMMANDS[options.command](options)) + "\n")


if __name__ == "__main__":
    main()
