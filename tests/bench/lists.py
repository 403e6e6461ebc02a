"""Lists of a million runs: every page and filter of them, as server time."""

from __future__ import annotations

import time

import psycopg

from tests.bench.load import percentile
from tests.bench.timers import ask
from tests.harness.processes import production_installation
from tests.harness.servers import stop

BARE = "SELECT * FROM workflows_run WHERE workflow_id = %s ORDER BY id DESC LIMIT 50"
GOAL = "300"


def measure_lists(report, scale, folder):
    """How long a page takes, the slowest filter, the last page."""
    with production_installation(folder) as site:
        for name in ("beat", "worker1", "web"):
            stop(site.processes.pop(name))
        shop = ask(site, "filling", "runs", runs=scale.listed)
        given = {"workspace": shop["workspace"], "workflow": shop["workflow"], "rounds": scale.rounds}
        found = ask(site, "looking", "pages", **given)
        floor = f"psycopg {bare(site, shop, scale.rounds)} ms"
    name = f"{scale.listed} runs"
    groups = {
        "list of one workflow": lambda page: page == "of one, newest",
        "list of one workflow, filtered": lambda page: page.startswith("of one") and "half way" not in page,
        "list of one workflow, half way down": lambda page: page.startswith("of one") and "half way" in page,
        "list of all workflows": lambda page: page.startswith("of all"),
        "search": lambda page: page.startswith("search"),
        "list of workflows": lambda page: page.startswith("workflows"),
        "form of a workflow": lambda page: page.startswith("form"),
    }
    for group, belongs in groups.items():
        pages = {page: cost for page, cost in found.items() if belongs(page)}
        worst = max(pages, key=lambda page: percentile(pages[page]["took"], 0.95))
        queries = sorted({cost["queries"] for cost in pages.values()})
        took = percentile(pages[worst]["took"], 0.95)
        told = f"slowest of {len(pages)}: {worst}; " if len(pages) > 1 else ""
        most = {what: max(cost[what] for cost in pages.values()) * 1000 for what in ("cpu", "database")}
        told += f"{'-'.join(map(str, queries))} queries, CPU {most['cpu']:.0f} ms, "
        told += f"slowest statement {most['database']:.0f} ms"
        report.add("P14", f"{name}: {group}, p95", took, "ms", goal=GOAL, floor=floor, note=told)


def bare(site, shop, rounds):
    """The same fifty rows by psycopg alone."""
    took = []
    url = site.database_url.replace("postgres://", "postgresql://", 1)
    with psycopg.connect(url) as connection:
        for _ in range(rounds + 1):
            begun = time.perf_counter()
            connection.execute(BARE, (shop["workflow"],)).fetchall()
            took.append(time.perf_counter() - begun)
    return percentile(took[1:], 0.95)
