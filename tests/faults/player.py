"""Plays the story: everybody in turn does what there is to do. Who plays may die; the next one goes on.

The clock is ours: where a worker would wait, it is put forward, so that leases and timers cost no time. All
processes of a story share it, so that a frozen one thaws in a later time.
"""

from __future__ import annotations

import json
import mmap
import struct
import time
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.db import close_old_connections
from django.test import Client
from django.utils import timezone

from channels_app.models import InboundDelivery
from channels_app.services import deliveries_process
from conversations.models import Message
from conversations.outbound import messages_recover, messages_send
from isflow.infra.tasks import captured_hints
from isflow.workspaces.scope import all_workspaces, workspace_scope
from tests.faults.story import install
from workflows.engine.pull import pull
from workflows.models import Event, Run, Wait, Workflow
from workflows.services import workflow_stop

ANSWER = "answer-1"
JUMP = 4.0
"""Seconds the clock is put forward when there is nothing to do: past the end of any lease."""
IDLE_TURNS = 5
"""After so many turns, one after the other, in which nothing moves, nothing will."""


class Clock:
    """How far the story is ahead of the real time, the same for all processes forked from one."""

    def __init__(self):
        self._shared = mmap.mmap(-1, 8)

    @property
    def ahead(self):
        return timedelta(seconds=struct.unpack("d", self._shared[:])[0])

    def set(self, seconds):
        self._shared[:] = struct.pack("d", seconds)

    def forward(self):
        self.set(self.ahead.total_seconds() + JUMP)

    @contextmanager
    def followed(self):
        """Everything that asks for the time in the block is told ours."""
        real = timezone.now
        timezone.now = lambda: real() + self.ahead
        try:
            yield
        finally:
            timezone.now = real


class Stuck(Exception):  # noqa: N818 - tells where the story stands
    """The story is not over, and nothing moves any more."""


def play(scene, clock, *, tolerated=(), seconds=60):
    """Go on from wherever the story stands until it is over; how many tasks failed with what is tolerated."""
    install()
    settings.ISFLOW_HTTP_ALLOW = ["127.0.0.1"]
    end = time.monotonic() + seconds
    failures, idle = 0, 0
    with clock.followed(), captured_hints(), workspace_scope(scene.workspace):
        now = standing(scene)
        while not is_over(now):
            if idle >= IDLE_TURNS or time.monotonic() > end:
                raise Stuck(str(now))
            failures += turn(scene, tolerated)
            before, now = now, standing(scene)
            idle = idle + 1 if now == before else 0
            if idle:
                clock.forward()
    return failures


def begin(scene, clock):
    """The first turns only: an order and a message, no call."""
    install()
    with clock.followed(), captured_hints(), workspace_scope(scene.workspace):
        for _ in range(2):
            turn(scene, ())
            standing(scene)


def turn(scene, tolerated):
    """Everybody does what there is to do; how many failed."""
    failures = 0
    for task in (outside_world, pulled, recovered, sent, delivered):
        try:
            task(scene)
        except tolerated:
            failures += 1
        # As Celery and Django do after each task and request.
        close_old_connections()
    return failures


def pulled(_scene):
    with all_workspaces():
        pull()


def recovered(_scene):
    with all_workspaces():
        messages_recover()


def sent(_scene):
    with all_workspaces():
        messages_send()


def delivered(_scene):
    with all_workspaces():
        deliveries_process()


def outside_world(scene):
    """The shop orders and Ada answers, each until it is acknowledged, then never again; a manager stops."""
    runs = {run.workflow_id: run.status for run in Run.objects.all()}
    known = scene.acknowledged()
    if "order" not in known:
        order(scene, scene.order_path, "order")
    elif "idle" not in known:
        order(scene, scene.idle_path, "idle")
    elif "answer" not in known and Wait.objects.filter(kind="question").exists():
        post(scene, f"/hooks/channel/{scene.channel_token}/", f"{ANSWER}|{scene.name}|very", "answer")
    elif runs.get(scene.order) == "ended" and runs.get(scene.idle) == "waiting":
        workflow_stop(workflow=Workflow.objects.get(pk=scene.idle))
        scene.acknowledge("stop")


def order(scene, path, what):
    """The shop's system calls a webhook."""
    post(scene, path, json.dumps({"email": f"{scene.name}@example.org", "order": scene.name}), what)


def post(scene, path, body, what):
    response = Client().post(path, body, content_type="application/json")
    if response.status_code != 200:
        raise RuntimeError(f"{what}: {response.status_code} {response.content[:200]}")
    scene.acknowledge(what)


def standing(scene):
    """Where everything stands."""
    return {
        "runs": list(Run.objects.order_by("pk").values("status", "phase", "step_id", "seq", "end_reason")),
        "waits": list(Wait.objects.order_by("pk").values("kind", "status", "key")),
        "undecided": Event.objects.filter(is_pending=True).count(),
        "messages": list(Message.objects.order_by("pk").values("status", "text", "error", "attempts")),
        "deliveries": list(InboundDelivery.objects.order_by("pk").values("status", "attempts")),
        "acknowledged": scene.acknowledged(),
    }


def is_over(now):
    """Nothing is left to do for anybody."""
    return (
        [run["status"] for run in now["runs"]] == ["ended", "ended"]
        and not now["undecided"]
        and not any(message["status"] in ("queued", "sending") for message in now["messages"])
        and not any(delivery["status"] == "received" for delivery in now["deliveries"])
    )
