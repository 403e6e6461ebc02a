"""The one-process shape on SQLite."""

from __future__ import annotations

import json
import sqlite3
import time
import urllib.request
from contextlib import closing

from tests.bench.floors import sqlite_floors
from tests.bench.load import closed_loop, percentile
from tests.bench.production import inside, problems
from tests.harness.processes import embedded_installation
from tests.harness.servers import wait_for
from tests.harness.sockets import WebSocket
from tests.harness.stub import running_stub

DRAIN_LIMIT = 180
MESSAGES = 20


def measure_embedded(report, scale, folder):
    """All figures of this shape."""
    with embedded_installation(folder):
        pass
    with running_stub() as stub, embedded_installation(folder, allow=stub.allow) as site:
        report.add("P11", "embedded: ready on an existing database", site.start_seconds, "s", goal="8")
        report.add(
            "P11", "embedded: memory at the start", round(site.usage().memory["serve"]), "MB", goal="250"
        )
        floor = sqlite_floors(folder)
        report.add("floor", "sqlite3, one commit per run", floor["one_commit_per_run"], "runs/s")
        talk(report, scale, site)
        door(report, scale, site, stub)
        bulk(report, scale, site)
        report.add(
            "P11", "embedded: memory at the end", round(site.usage().memory["serve"]), "MB", goal="250"
        )
        locked = site.log("serve").count("database is locked")
        report.add("P12", "embedded: “database is locked”", locked, "times", goal="0")


def door(report, scale, site, stub):
    """Flows M and F by HTTP."""
    shop = inside(site, "seed", flow="m", slug="flow-m", contacts=scale.contacts)
    begun, before = time.perf_counter(), site.usage()
    tally = closed_loop(site.url, shop["path"], callers=16, seconds=scale.seconds, contacts=scale.contacts)
    drained(site, shop)
    seconds, used = time.perf_counter() - begun, site.usage().since(before)
    ended = inside(site, "count", workspace=shop["workspace"])["ended"]
    cpu = used * 1000 / max(1, ended)
    report.add(
        "P12", "embedded: M by HTTP, 16 callers", ended / seconds, "runs/s", goal="40", note=problems(tally)
    )
    report.add("P12", "embedded: M by HTTP, CPU", cpu, "ms/run")
    shop = inside(site, "seed", flow="f", slug="flow-f", stub=stub.url, contacts=scale.contacts)
    for callers in (1, 16):
        tally = closed_loop(
            site.url, shop["path"], callers=callers, seconds=scale.seconds, contacts=scale.contacts, stub=stub
        )
        name = f"embedded: F through the door, {callers} callers"
        report.add("P12", name, tally.per_second, "runs/s", note=problems(tally))
        report.add("P3", f"{name}, p99", percentile(tally.completed, 0.99), "ms")


def bulk(report, scale, site):
    """Flow M for many contacts at once."""
    number = max(100, scale.bulk // 5)
    shop = inside(site, "seed", flow="m", slug="bulk", contacts=number)
    begun = inside(site, "insert", workspace=shop["workspace"], runs=number)["begun"]
    drained(site, shop)
    rate = number / (time.time() - begun)
    report.add("P12", f"embedded: {number} contacts started at once on M", rate, "runs/s", goal="150")


def talk(report, scale, site):
    """A visitor writes, the workflow answers; heard by socket and by polling."""
    shop = inside(site, "seed", flow="talk", slug="talk", contacts=0)
    base = f"{site.url}/widget/{shop['channel']}"
    polled, heard = [], []
    for number in range(scale.talks):
        token = request(f"{base}/session", {})["token"]
        polled.append(first_answer(base, token, number))
        heard += answers(site, shop["channel"], base, token, number)
    report.add("P10", "embedded: first message in, answer out by polling, p50", percentile(polled, 0.5), "ms")
    report.add(
        "P10", "embedded: message in, answer out by socket, p50", percentile(heard, 0.5), "ms", goal="150"
    )
    report.add(
        "P10", "embedded: message in, answer out by socket, p99", percentile(heard, 0.99), "ms", goal="500"
    )


def first_answer(base, token, number):
    """Seconds until a poll shows the first question."""
    begun = time.perf_counter()
    request(f"{base}/messages", {"client_id": f"first-{number:04}", "text": "Hello"}, token)

    def asked():
        messages = request(f"{base}/messages", None, token)["messages"]
        return any(message["direction"] == "out" for message in messages)

    wait_for("the first question", asked)
    return time.perf_counter() - begun


def answers(site, channel, base, token, number):
    """Seconds from posting a message to the frame with the next question."""
    took = []
    socket = WebSocket(f"{site.url}/ws/widget/{channel}/", origin=site.url)
    with closing(socket):
        socket.say({"token": token})
        while "ready" not in socket.hear():
            pass
        for turn in range(MESSAGES):
            begun = time.perf_counter()
            request(f"{base}/messages", {"client_id": f"talk-{number:04}-{turn:04}", "text": "Yes"}, token)
            while not any(f["message"].get("direction") == "out" for f in socket.hear().get("frames", ())):
                pass
            took.append(time.perf_counter() - begun)
    return took


def request(url, document, token=""):
    """JSON in, JSON out; GET without a document."""
    body = None if document is None else json.dumps(document).encode()
    headers = {"Content-Type": "application/json", "X-Visitor-Token": token}
    asked = urllib.request.Request(url, body, {name: value for name, value in headers.items() if value})  # noqa: S310 - our own
    with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310 - our own
        return json.loads(answer.read())


def drained(site, shop):
    """Wait until no run of the shop is under way."""

    def nothing_left():
        with closing(sqlite3.connect(site.database_url.removeprefix("sqlite:///"), timeout=20)) as connection:
            sql = "SELECT count(*) FROM workflows_run WHERE workspace_id = ? AND status <> 'ended'"
            return connection.execute(sql, (shop["workspace"],)).fetchone()[0] == 0

    wait_for("the runs to end", nothing_left, DRAIN_LIMIT)
