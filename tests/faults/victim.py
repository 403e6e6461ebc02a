"""A process that has loaded everything and forks a child for each order: the child may die, we do not.

Speaks JSON, one line each way. Started as ``python -m tests.faults.victim <stub url> <folder> <scene name>``;
the database it is given becomes the template, of which every case gets a copy.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import signal
import sys
import traceback
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connections

django.setup()

from isflow.infra import faults  # noqa: E402 - after setup
from tests.faults import actions, invariants, planted, player, story  # noqa: E402

LONGEST_SECONDS = 60
"""After which a child that hangs says where, and ends."""
LEASE_SECONDS = 1
SHORT_WAIT_MS = 50
"""How long a rescuer waits for a lock; whoever is frozen will not give it back."""

clock = player.Clock()


class Child:
    """A process that obeys one order; it may end, or stop half way."""

    def __init__(self, order):
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reading)
            os._exit(obey(order, writing))
        os.close(writing)
        self._reading = reading

    def outcome(self):
        """Wait until it ends or stops: its exit code or "stopped", and what it said."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            return {"code": "stopped", "result": None}
        with os.fdopen(self._reading, "rb") as pipe:
            text = pipe.read()
        return {"code": os.waitstatus_to_exitcode(status), "result": json.loads(text) if text else None}

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)
        return self.outcome()

    def bury(self):
        os.kill(self.pid, signal.SIGKILL)
        self.outcome()


def main(stub_url, folder, name):
    call_command("migrate", verbosity=0)
    disconnect()
    if connections["default"].vendor == "postgresql":
        # Processes die here, never the server: nothing is proved by waiting for its disk.
        connections.settings["default"]["OPTIONS"]["options"] = "-c synchronous_commit=off"
    settings.ISFLOW_LEASE_SECONDS = LEASE_SECONDS
    made = Child({"do": "make", "name": name, "stub": stub_url, "folder": folder}).outcome()
    say(made)
    frozen = None
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "thaw":
            answer, frozen = frozen.thaw(), None
        elif order["do"] == "begin":
            if frozen is not None:
                frozen.bury()
                frozen = None
            answer = begin(order["database"], Path(folder))
        elif order["do"] == "warm up":
            answer = warm_up(order["scene"])
        else:
            child = Child(order)
            answer = child.outcome()
            if answer["code"] == "stopped":
                frozen = child
        say(answer)


def begin(database, folder):
    """A new case: who is forked from now on sees this database, the real time, and no promises."""
    connections.settings["default"]["NAME"] = database
    clock.set(0)
    (folder / "acknowledged.txt").unlink(missing_ok=True)
    return {"code": 0, "result": None}


def warm_up(scene):
    """Do here, once, what every child would do for the first time, as far as no thread stays behind."""
    player.begin(story.Scene(**scene), clock)
    disconnect()
    gc.freeze()
    return {"code": 0, "result": None}


def disconnect():
    """Leave no connection open, neither to forked children nor to the template."""
    connections.close_all()
    if connections["default"].vendor == "postgresql":
        connections["default"].close_pool()


def obey(order, writing):
    """In the child: the exit code."""
    faulthandler.dump_traceback_later(LONGEST_SECONDS, exit=True)
    try:
        result = ORDERS[order.pop("do")](**order)
        code = 0
    except BaseException:  # noqa: BLE001 - the child reports whatever happened
        result, code = traceback.format_exc()[-20_000:], 1
    os.write(writing, json.dumps(result, default=str).encode())
    return code


def make(name, stub, folder):
    """Prepare the template."""
    story.install()
    scene = story.plain(story.make_scene(name, stub, folder))
    disconnect()
    return scene


def count(scene):
    """Play the whole story: how often it passes each place."""
    passes = Counter()
    for point in list(faults.FAULT_POINTS):
        faults.arm(point, partial(passes.update, [point]))
    player.play(story.Scene(**scene), clock)
    return passes


def play(scene, bug="", action="", point="", after=0):
    """Play to the end; with ``action`` be struck by it at that pass of a place, with ``bug`` do wrong."""
    if bug:
        planted.plant(bug)
    strike = actions.Strike(action, point, after) if action else None
    failures = player.play(story.Scene(**scene), clock, tolerated=actions.TOLERATED.get(action, ()))
    return {"failures": failures, **({"fired": strike.fired, "held": strike.held} if strike else {})}


def rescue(scene, bug=""):
    """Play on beside a process that is frozen, as far as its locks let us; whether the story is over."""
    if bug:
        planted.plant(bug)
    wait_shortly()
    with suppress(player.Stuck):
        player.play(story.Scene(**scene), clock, tolerated=(OperationalError,))
        return True
    return False


def wait_shortly():
    options = connections.settings["default"]["OPTIONS"]
    if connections["default"].vendor == "postgresql":
        options["options"] += f" -c lock_timeout={SHORT_WAIT_MS}"
    else:
        options["timeout"] = SHORT_WAIT_MS / 1000


def check(scene, hits):
    return invariants.broken_rules(story.Scene(**scene), Counter(hits))


ORDERS = {"make": make, "count": count, "play": play, "rescue": rescue, "check": check}


def say(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
