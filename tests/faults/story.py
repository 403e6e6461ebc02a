"""A shop's order, told through every mechanism of the engine. Whoever plays it may die; the next one goes on.

The clock is ours: where a worker would wait, it is put forward, so that leases and timers cost no time. All
processes of a story share it, so that a frozen one thaws in a later time.
"""

from __future__ import annotations

import json
import mmap
import struct
import time
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import close_old_connections
from django.test import Client
from django.utils import timezone

from channels_app.contract import (
    AdapterConfig,
    Capabilities,
    ChannelAdapter,
    DeliveryUnknown,
    InboundMessage,
    SendReceipt,
    adapters,
)
from channels_app.models import Channel, InboundDelivery
from channels_app.services import deliveries_process
from contacts.models import Contact, ContactIdentity, Tag
from conversations.models import Message
from conversations.outbound import messages_recover, messages_send
from isflow.infra.tasks import captured_hints
from isflow.workspaces.models import Workspace
from isflow.workspaces.scope import all_workspaces, workspace_scope
from tests.factories_workflows import document, publish
from workflows.engine.pull import pull
from workflows.models import Event, Run, Wait, Workflow
from workflows.services import workflow_stop

ANSWER = "answer-1"
STEPS = ["field", "tell", "pause", "ask", "call", "tag", "note", "close"]
PAUSE_SECONDS = 3
JUMP = 4.0
"""Seconds the clock is put forward when there is nothing to do: past the end of any lease."""
IDLE_TURNS = 5
"""After so many turns, one after the other, in which nothing moves, nothing will."""
TRIGGER = {
    "identifier_type": "email",
    "identifier_key": "$.email",
    "variables": [{"key": "$.order", "name": "order"}],
}


@dataclass(frozen=True)
class Scene:
    """One workspace with its two workflows; ``history`` is the file of what was acknowledged."""

    name: str
    workspace: int
    order: int
    idle: int
    order_path: str
    idle_path: str
    channel_token: str
    history: str

    def acknowledged(self):
        """What the outside world was promised, in order."""
        with suppress(FileNotFoundError):
            return Path(self.history).read_text(encoding="utf-8").split()
        return []

    def acknowledge(self, what):
        with Path(self.history).open("a", encoding="utf-8") as file:
            file.write(f"{what}\n")


class StubConfig(AdapterConfig):
    """Where the provider listens."""

    url: str


class StubChannel(ChannelAdapter[StubConfig]):
    """A provider without keys that takes messages one by one and tells nothing afterwards."""

    key = "stub_channel"
    label = "Stub"
    config_class = StubConfig
    capabilities = Capabilities(starts_conversations=True)

    def verify(self, headers, body, config):
        """Everybody may call."""

    def parse(self, body, config):
        external_id, sender, text = body.decode().split("|")
        yield InboundMessage(external_id=external_id, sender=sender, sent_at=timezone.now(), text=text)

    def send(self, message, config, io):
        try:
            ask(f"{config.url}/send?id={message.recipient}/{message.key}")
        except OSError as error:
            raise DeliveryUnknown(str(error)) from error
        return SendReceipt(f"sent-{message.key}")


def ask(url):
    """One request to the stub."""
    with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own stub
        return response.read()


def install():
    """Make the stub channel known."""
    if StubChannel.key not in adapters:
        adapters.register(StubChannel.key)(StubChannel)


def make_scene(name, stub_url, folder):
    """A new workspace with Ada, who can be reached through the stub."""
    workspace = Workspace.objects.create(name=name, slug=name, webhook_rate_limit=10_000)
    with workspace_scope(workspace.pk):
        channel = Channel.objects.create(
            workspace=workspace, kind=StubChannel.key, name="Stub", config={"url": stub_url}
        )
        contact = Contact.objects.create(
            workspace=workspace, first_name="Ada", email=f"{name}@example.org", last_channel=channel
        )
        ContactIdentity.objects.create(workspace=workspace, contact=contact, channel=channel, address=name)
        tag = Tag.objects.create(workspace=workspace, name="buyer")
    order = publish(workspace, order_flow(tag, stub_url), "Order")
    idle = publish(workspace, idle_flow(), "Idle")
    return Scene(
        name=name,
        workspace=workspace.pk,
        order=order.pk,
        idle=idle.pk,
        order_path=f"/hooks/workflow/{workspace.public_id}/{order.webhook_token}",
        idle_path=f"/hooks/workflow/{workspace.public_id}/{idle.webhook_token}",
        channel_token=channel.token,
        history=str(Path(folder) / "acknowledged.txt"),
    )


def order_flow(tag, stub_url):
    """Every kind of step that matters: local ones, a send, a timer, a question, a call."""
    return document(
        "incoming_webhook",
        ("field", "update_contact_field", {"updates": [{"field": {"slug": "lastname"}, "value": "$order"}]}),
        ("tell", "send_message", {"default": {"text": "Thank you"}}),
        ("pause", "wait", {"duration": {"value": PAUSE_SECONDS, "unit": "seconds"}}),
        ("ask", "ask_question", {"text": "Happy?"}, {"success": "call"}),
        ("call", "http_request", {"method": "POST", "url": f"{stub_url}/call?id=$order", "body": "{}"}),
        ("tag", "update_contact_tag", {"tags": [{"id": tag.pk, "label": tag.name}]}),
        ("note", "add_comment", {"text": "Done with $order"}),
        ("close", "close_conversation", {}),
        config=TRIGGER,
    )


def idle_flow():
    """Waits for an hour, unless it is stopped."""
    wait = {"duration": {"value": 1, "unit": "hours"}}
    return document("incoming_webhook", ("rest", "wait", wait), config=TRIGGER)


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


def plain(scene):
    """The scene as JSON takes it."""
    return asdict(scene)
