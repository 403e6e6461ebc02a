"""Start the production shape (web, worker, beat on PostgreSQL and Redis) and try a story, crash included."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.harness.servers import (  # noqa: E402 - started as a script
    free_port,
    http_status,
    manage,
    port_answers,
    postgres_server,
    process,
    production_env,
    redis_server,
    wait_for,
)
from tests.harness.stub import Stub  # noqa: E402

WAITS = 20
PAUSE = 4

SHOP = """
import sys
import django
django.setup()
from tests.bench import flows
draft = getattr(flows, sys.argv[2])(sys.argv[3], *map(int, sys.argv[4:]))
workspace, workflow = flows.make_shop(sys.argv[1], draft, 50)
print("PATH", flows.webhook_path(workspace, workflow))
"""


def say(text):
    """Print one line of the protocol."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)  # noqa: T201 - a report


def make_shop(env, *arguments):
    """Create a workspace with one published workflow in a process of its own; return its webhook's path."""
    command = [sys.executable, "-c", SHOP, *map(str, arguments)]
    made = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return made.stdout.rpartition("PATH ")[2].strip()


def post(url, number, order):
    """Call a webhook as a shop would."""
    body = json.dumps({"email": f"c{number}@example.org", "order": {"id": order, "total": 250}}).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
        return answer.status


def celery(env, *arguments):
    """Run a Celery program."""
    return process([sys.executable, "-W", "ignore", "-m", "celery", "-A", "isflow", *arguments], env=env)


def worker(env):
    """Run one worker on every queue."""
    return celery(env, "worker", "--pool=threads", "-c", "8", "-Q", "engine,send,calls,bulk", "-l", "WARNING")


def main():
    """Run the story; any failure raises."""
    stub = Stub()
    stub.start()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="isflow-prod-")))
        database, redis = stack.enter_context(postgres_server()), stack.enter_context(redis_server())
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        env = {**production_env(database, redis, port, folder), "ISFLOW_HTTP_ALLOW": stub.allow}
        manage(env, "migrate", "--verbosity", "0")
        manage(env, "collectstatic", "--noinput", "--verbosity", "0")
        manage(env, "sync_schedules")
        web = [
            sys.executable,
            "-m",
            "daphne",
            "-v",
            "0",
            "-b",
            "127.0.0.1",
            "-p",
            str(port),
            "isflow.asgi:application",
        ]
        stack.enter_context(process(web, env=env))
        wait_for("the web process", lambda: port_answers(port))
        with worker(env) as first, celery(env, "beat", "-l", "WARNING", "-s", str(folder / "beat")):
            say("web, worker and beat are up")
            check_pages(url)
            check_story(env, url, stub)
            waits = url + make_shop(env, "later", "flow_w", stub.url, PAUSE)
            for number in range(WAITS):
                post(waits, number, f"w{number}")
            time.sleep(1)
            first.kill()
            say(f"killed the worker with {WAITS} runs waiting")
            with worker(env):
                wait_for("the waits", lambda: sum(stub.hits[f"w{n}"] for n in range(WAITS)) >= WAITS, 60)
                time.sleep(3)
                counts = {stub.hits[f"w{n}"] for n in range(WAITS)}
                assert counts == {1}, f"each wait must end once, not {counts}"
                say("every wait ended exactly once after the restart")
    stub.stop()
    say("the production shape works")


def check_pages(url):
    """See that pages, health and static files answer."""
    assert http_status(f"{url}/health/ready") == 200
    assert http_status(f"{url}/accounts/login/") == 200
    assert http_status(f"{url}/static/admin/css/base.css") == 200
    say("health, login page and static files answer")


def check_story(env, url, stub):
    """Post orders to a webhook and see each reach the outside once."""
    hook = url + make_shop(env, "now", "flow_f", stub.url)
    for number in range(10):
        assert post(hook, number, f"f{number}") == 200
    wait_for("ten orders", lambda: sum(stub.hits[f"f{n}"] for n in range(10)) >= 10, 30)
    assert {stub.hits[f"f{n}"] for n in range(10)} == {1}
    say("ten webhook calls ran through and called out once each")


if __name__ == "__main__":
    main()
