"""P13: the pages of a large inbox."""

from __future__ import annotations

import json
from contextlib import ExitStack

from tests.harness.processes import Installation
from tests.harness.servers import fresh_database, manage, postgres_server, production_env, redis_server


def measure_inbox(report, scale, folder):
    """Times are those of Django's whole handler, called in a process of its own, no server before it."""
    with ExitStack() as stack:
        database_url = stack.enter_context(fresh_database(stack.enter_context(postgres_server())))
        env = production_env(database_url, stack.enter_context(redis_server()), 80, folder)
        manage(env, "migrate", "--run-syncdb", "--verbosity", "0")
        manage(env, "collectstatic", "--noinput", "--verbosity", "0")
        site = Installation("", env, database_url, folder)
        sizes = inside(site, "fill", scale=scale.inbox)
        size = f"{sizes['conversations']:,} conversations, {sizes['messages']:,} messages"
        report.add("P13", f"filled: {size}", sizes["seconds"], "s", note=f"{sizes['megabytes']} MB")
        for name, page in inside(site, "pages", rounds=scale.inbox_rounds).items():
            queries = " or ".join(map(str, page["queries"]))
            note = f"p50 {page['p50']} ms, CPU {page['cpu']} ms, {queries} queries"
            report.add("P13", f"inbox, {name}, p95", page["p95"], "ms", goal="50", note=note)


def inside(site, command, **options):
    """One command in a process of its own."""
    given = [part for name, value in options.items() for part in (f"--{name}", value)]
    return json.loads(site.run("tests.bench.ui_inside", command, *given).splitlines()[-1])
