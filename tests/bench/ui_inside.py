"""What the figures of the inbox need of Django: ``python -m tests.bench.ui_inside <command> ...``.

Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import statistics
import sys
import time
from importlib import import_module

import django

django.setup()

from django.conf import settings  # noqa: E402 - after setup
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.auth.hashers import make_password  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from channels_app.models import Channel  # noqa: E402
from channels_app.services.accounts import channel_create  # noqa: E402
from contacts.models import Contact  # noqa: E402
from conversations.models import Message  # noqa: E402
from isflow.workspaces.models import Membership, Role, User, Workspace  # noqa: E402
from isflow.workspaces.scope import all_workspaces, workspace_scope  # noqa: E402
from tests.bench import ui_fill  # noqa: E402
from tests.bench.load import percentile  # noqa: E402
from tests.harness.processes import Usage  # noqa: E402

BACKEND = "django.contrib.auth.backends.ModelBackend"


def fill(options):
    """A workspace of the wanted size, with its agents."""
    workspace, channel, users = crew("large", options.agents)
    begun = time.perf_counter()
    with connection.cursor() as cursor:
        sizes = ui_fill.fill(cursor, workspace.pk, channel.pk, [user.pk for user in users], options.scale)
    return {**sizes, "seconds": round(time.perf_counter() - begun, 1)}


def crew(slug, agents):
    """A workspace with a channel and so many people; the first is its owner."""
    workspace = Workspace.objects.create(name=slug, slug=slug)
    password = make_password(None)
    users = User.objects.bulk_create(
        [
            User(email=f"agent{n}@{slug}.example", first_name="Agent", last_name=str(n), password=password)
            for n in range(agents)
        ]
    )
    with workspace_scope(workspace.pk):
        channel = Channel.objects.create(workspace=workspace, kind="web_chat", name="Chat")
        Membership.objects.bulk_create(
            [
                Membership(workspace=workspace, user=user, role=Role.AGENT if place else Role.OWNER)
                for place, user in enumerate(users)
            ]
        )
    return workspace, channel, users


def pages(options):
    """Seconds of each page, around Django's whole handler, and its statements."""
    found = {}
    with all_workspaces():
        users = {place: User.objects.get(email=f"agent{place}@large.example") for place in (0, 5)}
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(users[0], backend=BACKEND)
    for name, address in addresses(options).items():
        if options.only not in name:
            continue
        found[name] = timed(client, address, options.rounds)
    light = Client(HTTP_HOST="127.0.0.1")
    light.force_login(users[5], backend=BACKEND)
    found["list: mine, of somebody with few"] = timed(
        light, lambda: "/w/large/inbox/?tab=mine", options.rounds
    )
    return found


def timed(client, address, rounds):
    took, statements = [], set()
    for number in range(rounds + 3):
        if number == 3:
            spent = cpu()
        where = address()
        begun = time.perf_counter()
        answer = client.get(where)
        seconds = time.perf_counter() - begun
        if answer.status_code != 200:
            raise RuntimeError(f"{where}: {answer.status_code}")
        if number > 2:
            took.append(seconds)
    spent = cpu() - spent
    for _ in range(3):
        with CaptureQueriesContext(connection) as captured:
            client.get(address())
        statements.add(
            len([q for q in captured if not q["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))])
        )
    slowest = max(captured, key=lambda query: float(query["time"]))
    return {
        "p50": round(statistics.median(took) * 1000, 1),
        "p95": percentile(took, 0.95),
        "cpu": round(spent / rounds * 1000, 1),
        "queries": sorted(statements),
        "database": round(sum(float(query["time"]) for query in captured) * 1000, 1),
        "slowest": f"{slowest['time']} s: {slowest['sql'][:9000]}",
    }


def cpu():
    """CPU seconds of this process and of the database's backends that serve it."""
    used = Usage.of({"me": os.getpid()}, os.environ["DATABASE_URL"])
    return sum(used.cpu.values())


def addresses(options):
    """What is asked for, by name; each call may name another page of the same sort."""
    chance = random.Random(7)
    with all_workspaces():
        first, last = Contact.objects.order_by("pk").first().pk, Contact.objects.order_by("-pk").first().pk
        deep = Message.objects.filter(contact_id=first).order_by("created_at")[500]
    base = "/w/large/inbox/"

    def someone():
        return chance.randint(first, last)

    def listed(query):
        return lambda: f"{base}?{query}"

    cursor = f"{deep.created_at.isoformat()}|2|{deep.pk}".replace("+", "%2B")
    old = f"{deep.created_at.isoformat()}|1".replace("+", "%2B")
    return {
        "list: all": listed("tab=all"),
        "list: mine": listed("tab=mine"),
        "list: unassigned": listed("tab=unassigned"),
        "list: closed": listed("tab=all&status=closed"),
        "list: mine, closed": listed("tab=mine&status=closed"),
        "list: unassigned, closed": listed("tab=unassigned&status=closed"),
        "list: search by first name, many": listed("q=ada"),
        "list: search by two words": listed("q=ada+lovelace"),
        "list: search by e-mail, one": lambda: f"{base}?q=c{chance.randint(1, last - first)}@ex",
        "list: search by phone, one": lambda: f"{base}?q=%2B4930{chance.randint(1, last - first):08}",
        "list: search, nobody": listed("q=zzyzx"),
        "list: far down": lambda: f"{base}rows/?cursor={old}",
        "counts": lambda: f"{base}counts/",
        "thread and list": lambda: f"{base}{someone()}/",
        "thread: items": lambda: f"{base}{someone()}/items/",
        "thread of 20,000: newest": lambda: f"{base}{first}/items/",
        "thread of 20,000: far up": lambda: f"{base}{first}/items/?before={cursor}",
    }


def agents(options):
    """A workspace with so many signed-in people and a custom channel: its address, their sessions."""
    workspace, _, users = crew(options.slug, options.agents)
    with workspace_scope(workspace.pk):
        token = secrets.token_hex(16)
        config = {"incoming_token": token, "outgoing_url": "https://example.org/", "outgoing_token": token}
        channel = channel_create(kind="custom", name="Shop", config=config)
    store = import_module(settings.SESSION_ENGINE).SessionStore
    keys = []
    for user in users:
        session = store()
        session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), BACKEND
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.create()
        keys.append(session.session_key)
    return {"hook": f"/hooks/channel/{channel.token}/", "token": token, "sessions": keys}


COMMANDS = {"fill": fill, "pages": pages, "agents": agents}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--slug", default="room")
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--only", default="")
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    sys.stdout.write(json.dumps(COMMANDS[options.command](options)) + "\n")


if __name__ == "__main__":
    main()
