"""What an event costs when a hundred workflows listen for its kind and one of them is meant."""

from __future__ import annotations

from tests.bench.floors import postgres_floors
from tests.bench.timers import ask
from tests.harness.processes import production_installation
from tests.harness.servers import stop

MANY = 100
WARM = 100


def measure_listeners(report, scale, folder):
    """CPU and statements of one event with its run, with one workflow and with many."""
    with production_installation(folder) as site:
        for name in ("beat", "worker1", "web"):
            stop(site.processes.pop(name))
        floor = postgres_floors(site.database_url)
        floors = f"{floor['one_commit_per_run']}, in batches {floor['one_commit_per_batch']} runs/s"
        costs = {}
        for number in (1, MANY):
            shop = ask(
                site,
                "filling",
                "listening",
                slug=f"listening-{number}",
                flows=number,
                runs=scale.engine_runs + WARM,
            )
            cost = costs[number] = ask(site, "looking", "decide", workspace=shop["workspace"])
            if cost["undone"] or cost["verdicts"] != number:
                report.fail(f"with {number} workflows listening: {cost}")
                return
            name = f"{number} workflows listen, one matches"
            rate = cost["events"] / cost["seconds"]
            report.add("P9", f"{name}: decided and walked", rate, "events/s", floor=floors)
            each = cost["cpu"] * 1000 / cost["events"]
            report.add("P9", f"{name}: CPU with the database", each, "ms/event")
            report.add("P9", f"{name}: statements", cost["queries"] / cost["events"], "per event")
    for what in ("cpu", "queries"):
        ratio = (costs[MANY][what] / costs[MANY]["events"]) / (costs[1][what] / costs[1]["events"])
        told = {"cpu": "CPU", "queries": "statements"}[what]
        report.add("P9", f"{MANY} workflows against one: {told}", ratio, "x", goal="2")
