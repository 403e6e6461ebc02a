"""The production shape: web, one worker and beat on PostgreSQL and Redis."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import psycopg

from tests.bench.floors import latency_floor, postgres_floors
from tests.bench.load import closed_loop, percentile
from tests.harness.processes import production_installation
from tests.harness.servers import stop, wait_for
from tests.harness.stub import running_stub

DRAIN_LIMIT = 180


def measure_production(report, scale, folder):
    """All figures of this shape."""
    with running_stub() as stub, production_installation(folder, allow=stub.allow) as site:
        report.add("P11", "web, worker and beat ready", site.start_seconds, "s")
        floor = postgres_floors(site.database_url)
        report.add("floor", "psycopg, one commit per run", floor["one_commit_per_run"], "runs/s")
        report.add("floor", "psycopg, one commit per 100 runs", floor["one_commit_per_batch"], "runs/s")
        door_f(report, scale, site, stub, floor)
        door_m(report, scale, site)
        timers(report, scale, site, stub)
        bulk(report, scale, site)
        memory(report, site)
        for name in ("beat", "worker1"):
            stop(site.processes.pop(name))
        engine(report, scale, site, stub, floor)


def inside(site, command, **options):
    """One command in a process of its own."""
    given = [part for name, value in options.items() for part in (f"--{name}", value)]
    return json.loads(site.run("tests.bench.inside", command, *given).splitlines()[-1])


def door_f(report, scale, site, stub, floor):
    """Flow F through the HTTP door."""
    shop = inside(site, "seed", flow="f", slug="flow-f", stub=stub.url, contacts=scale.contacts)
    warm = closed_loop(site.url, shop["path"], callers=4, seconds=1, contacts=scale.contacts, stub=stub)
    if not warm.completed:
        report.fail("flow F does not complete")
        return
    for callers in (1, 16, 64):
        drained(site, shop)
        commits, before = transactions(site), site.usage()
        tally = closed_loop(
            site.url, shop["path"], callers=callers, seconds=scale.seconds, contacts=scale.contacts, stub=stub
        )
        drained(site, shop)
        runs = len(tally.completed)
        cpu = site.usage().since(before) * 1000 / max(1, runs)
        spent = (transactions(site) - commits) / max(1, runs)
        goal = "150" if callers > 1 else ""
        floored = f"{floor['one_commit_per_run']}" if callers > 1 else ""
        name = f"F through the door, {callers} callers"
        report.add("P1", name, tally.per_second, "runs/s", goal=goal, floor=floored, note=problems(tally))
        report.add("P2", f"{name}: CPU of all processes", cpu, "ms/run", goal="8")
        report.add("P4", f"{name}: transactions, reads included", spent, "per run")
        report.add("P17", f"{name}: the webhook's answer, p50", percentile(tally.answered, 0.5), "ms")
        report.add("P3", f"{name}: accept to stub, p50", percentile(tally.completed, 0.5), "ms")
        limits = {}
        if callers == 1:
            bare = latency_floor(site.database_url, site.env["REDIS_URL"], stub.url)
            limits = {"goal": "40", "floor": f"p50 {bare['p50_ms']}, p99 {bare['p99_ms']} ms"}
        report.add("P3", f"{name}: accept to stub, p99", percentile(tally.completed, 0.99), "ms", **limits)
    doubled = sum(hits > 1 for hits in stub.hits.values())
    if doubled:
        report.fail(f"{doubled} orders reached the stub twice")


def door_m(report, scale, site):
    """Flow M through the door: the callers do not wait for the message."""
    shop = inside(site, "seed", flow="m", slug="flow-m", contacts=scale.contacts)
    begun = time.perf_counter()
    before = site.usage()
    tally = closed_loop(site.url, shop["path"], callers=16, seconds=scale.seconds, contacts=scale.contacts)
    drained(site, shop)
    seconds, used = time.perf_counter() - begun, site.usage().since(before)
    ended = inside(site, "count", workspace=shop["workspace"])["ended"]
    cpu = used * 1000 / max(1, ended)
    report.add(
        "M",
        "M through the door, 16 callers",
        ended / seconds,
        "runs/s",
        note=problems(tally),
    )
    report.add("M", "M through the door: CPU of all processes", cpu, "ms/run")


def timers(report, scale, site, stub):
    """Flow W: how late a wait of two seconds ends."""
    shop = inside(site, "seed", flow="w", slug="flow-w", stub=stub.url, contacts=scale.contacts)
    # Callers rest for a while, lest all of them keep step with the sweep.
    tally = closed_loop(
        site.url,
        shop["path"],
        callers=64,
        seconds=scale.seconds,
        contacts=scale.contacts,
        stub=stub,
        rest=1.0,
    )
    late = [took - 2 for took in tally.completed]
    report.add("P8", "W, 64 callers: too early", sum(value < 0 for value in late), "runs", goal="0")
    report.add(
        "P8", "W, 64 callers: late, p50", percentile(late, 0.5), "ms", goal="800", note=problems(tally)
    )
    report.add("P8", "W, 64 callers: late, p99", percentile(late, 0.99), "ms", goal="2000")


def bulk(report, scale, site):
    """Many contacts started at once; the clock runs from the first insert to the last end."""
    shop = inside(site, "seed", flow="m", slug="bulk", contacts=scale.bulk)
    begun = inside(site, "insert", workspace=shop["workspace"], runs=scale.bulk)["begun"]
    drained(site, shop)
    report.add(
        "P6",
        f"{scale.bulk} contacts started at once on M",
        scale.bulk / (time.time() - begun),
        "runs/s",
        goal="500",
        note="insertion included",
    )


def memory(report, site):
    """What the processes hold after all that."""
    for name, megabytes in site.usage().memory.items():
        if not name.startswith("db"):
            report.add("P11", f"memory of {name}", round(megabytes), "MB")


def engine(report, scale, site, stub, floor):
    """Events inserted beforehand, no door: one process works."""
    for flow, key in (("f", "P1e"), ("m", "P1e")):
        shop = loaded(site, scale, stub, flow, f"engine-{flow}")
        result = inside(site, "engine", workspace=shop["workspace"])
        rate = result["ended"] / result["seconds"]
        name = f"{flow.upper()}, engine only, one process"
        share = rate / floor["one_commit_per_run"]
        goal = "400" if flow == "f" else ""
        report.add(key, name, rate, "runs/s", goal=goal, floor=f"{floor['one_commit_per_run']}")
        report.add("P7", f"{name}, against the floor", share, "x", goal="0.5")
        report.add(
            "P2", f"{name}: CPU with the database", result["cpu"] * 1000 / result["ended"], "ms/run", goal="3"
        )
    shop = inside(site, "seed", flow="m", slug="counts", contacts=2)
    spent = inside(site, "queries", workspace=shop["workspace"])
    report.add("P5", "M alone: queries in the request", spent["request"], "queries")
    report.add("P5", "M alone: queries in the worker, its events included", spent["worker"], "queries")


def loaded(site, scale, stub, flow, slug):
    """A shop whose runs are all due."""
    shop = inside(site, "seed", flow=flow, slug=slug, stub=stub.url, contacts=scale.engine_runs)
    inside(site, "insert", workspace=shop["workspace"], runs=scale.engine_runs)
    return shop


def drained(site, shop):
    """Wait until no run of the shop is under way."""

    def nothing_left():
        return (
            scalar(
                site,
                "SELECT count(*) FROM workflows_run WHERE workspace_id = %s AND status <> 'ended'",
                shop["workspace"],
            )
            == 0
        )

    wait_for("the runs to end", nothing_left, DRAIN_LIMIT)


def transactions(site):
    """Transactions of this database so far; backends report about once a second."""
    time.sleep(1.2)
    return scalar(site, "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")


def scalar(site, sql, *parameters):
    url = site.database_url.replace("postgres://", "postgresql://", 1)
    with psycopg.connect(url) as connection:
        return connection.execute(sql, parameters).fetchone()[0]


def problems(tally):
    """What went wrong, for the last column."""
    told = [f"{tally.refused} refused"] if tally.refused else []
    with suppress(AttributeError):
        told += [f"{tally.lost} lost"] if tally.lost else []
    return ", ".join(told)
