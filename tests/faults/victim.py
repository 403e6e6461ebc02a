"""A process that has loaded everything and forks a child for each order: the child may die, we do not.

Speaks JSON, one line each way. Started as ``python -m tests.faults.victim <stub url> <folder>``.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import traceback
from collections import Counter
from datetime import timedelta

import django
from django.core.management import call_command
from django.db import connections

AFTER_A_CRASH = timedelta(seconds=15)


def main(stub_url, folder):
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    warm_up()
    connections.close_all()
    if connections["default"].vendor == "postgresql":
        connections["default"].close_pool()
    say({"ready": True})
    for line in sys.stdin:
        say(in_child(json.loads(line), stub_url, folder))


def warm_up():
    """Load what the children will need, so that each starts at once."""
    from django.urls import get_resolver  # noqa: PLC0415 - after setup

    from tests.faults import invariants, planted, story  # noqa: F401, PLC0415

    get_resolver().url_patterns  # noqa: B018


def in_child(order, stub_url, folder):
    """Fork, let the child do what is asked, and report how it ended and what it said."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        os._exit(obey(order, writing, stub_url, folder))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    return {"code": os.waitstatus_to_exitcode(status), "result": json.loads(text) if text else None}


def obey(order, writing, stub_url, folder):
    """In the child: the exit code."""
    faulthandler.enable()
    try:
        result = ORDERS[order.pop("do")](order, stub_url, folder)
        os.write(writing, json.dumps(result, default=str).encode())
    except BaseException:  # noqa: BLE001 - the child reports whatever happened
        os.write(writing, json.dumps(traceback.format_exc()).encode())
        return 1
    return 0


def make(order, stub_url, folder):
    from tests.faults import story  # noqa: PLC0415

    story.install()
    return story.plain(story.make_scene(order["name"], stub_url, folder))


def play(order, stub_url, folder):
    """Play on; with ``fault`` until that point is reached for the given time, with ``bug`` wrongly."""
    from isflow.infra import faults  # noqa: PLC0415
    from tests.faults import planted, story  # noqa: PLC0415

    if bug := order.get("bug"):
        planted.plant(bug)
    passes = Counter()
    if order.get("count"):
        faults.fault_point.__globals__["_reach"] = lambda name: passes.update([name])
        faults.arm("nowhere", lambda: None)
    elif order.get("fault"):
        faults.arm_from_text(f"{order['fault']}=exit@{order.get('after', 0)}")
    ahead = AFTER_A_CRASH * order.get("crashes", 0)
    story.play(story.Scene(**order["scene"]), ahead=ahead, seconds=order.get("seconds", 30))
    return passes


def check(order, stub_url, folder):
    from tests.faults import invariants, story  # noqa: PLC0415

    return invariants.broken_rules(story.Scene(**order["scene"]), Counter(order["hits"]))


ORDERS = {"make": make, "play": play, "check": check}


def say(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
