"""A shop's order, told through every mechanism of the engine. Whoever plays it may die; the next one goes on.

The clock is ours: where a worker would wait, it is put forward, so that leases and timers cost no time.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
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
JUMP = timedelta(seconds=4)
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
        history=str(Path(folder) / f"{name}.txt"),
    )


def order_flow(tag, stub_url):
    """Every kind of step that matters: local ones, a send, a timer, a question, a call."""
    return document(
        "incoming_webhook",
        ("field", "update_contact_field", {"updates": [{"field": {"slug": "lastname"}, "value": "$order"}]}),
        ("tell", "send_message", {"default": {"text": "Thank you"}}),
        ("pause", "wait", {"duration": {"value": 3, "unit": "seconds"}}),
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


@contextmanager
def own_clock():
    """Yield a function that puts the clock forward."""
    real, ahead = timezone.now, timedelta(0)

    def forward(by):
        nonlocal ahead
        ahead += by

    timezone.now = lambda: real() + ahead
    try:
        yield forward
    finally:
        timezone.now = real


def play(scene, *, ahead=timedelta(0), seconds=30):
    """Go on from wherever the story stands until it is over. TimeoutError if it hangs."""
    install()
    settings.ISFLOW_HTTP_ALLOW = ["127.0.0.1"]
    end = time.monotonic() + seconds
    with own_clock() as forward, captured_hints(), workspace_scope(scene.workspace):
        forward(ahead)
        while not is_over(scene):
            if not turn(scene):
                forward(JUMP)
            if time.monotonic() > end:
                raise TimeoutError(str(state(scene)))


def turn(scene):
    """Everybody does what there is to do; whether anything was done."""
    moved = outside_world(scene)
    with all_workspaces():
        worked = pull() + messages_recover() + messages_send() + deliveries_process()
    return bool(moved or worked)


def outside_world(scene):
    """The shop orders, Ada answers, a manager stops the idle workflow: each until it is acknowledged."""
    if not Run.objects.filter(workflow=scene.order).exists():
        return post(scene, scene.order_path, "order")
    if not Run.objects.filter(workflow=scene.idle).exists():
        return post(scene, scene.idle_path, "idle")
    if "answer" not in scene.acknowledged() and Wait.objects.filter(kind="question", status="open").exists():
        body = f"{ANSWER}|{scene.name}|very"
        answer = Client().post(f"/hooks/channel/{scene.channel_token}/", body, content_type="text/plain")
        return acknowledged(scene, answer, "answer")
    order = Run.objects.get(workflow=scene.order)
    if order.status == "ended" and Run.objects.get(workflow=scene.idle).status == "waiting":
        workflow_stop(workflow=Workflow.objects.get(pk=scene.idle))
        scene.acknowledge("stop")
        return True
    return False


def post(scene, path, what):
    """The shop's system calls a webhook."""
    document_ = {"email": f"{scene.name}@example.org", "order": scene.name}
    return acknowledged(scene, Client().post(path, document_, content_type="application/json"), what)


def acknowledged(scene, response, what):
    if response.status_code != 200:
        raise RuntimeError(f"{what}: {response.status_code} {response.content[:200]}")
    scene.acknowledge(what)
    return True


def is_over(scene):
    """Nothing is left to do for anybody."""
    return (
        Run.objects.filter(status="ended").count() == 2
        and not Event.objects.filter(is_pending=True).exists()
        and not Message.objects.filter(status__in=["queued", "sending"]).exists()
        and not InboundDelivery.objects.filter(status="received").exists()
    )


def state(scene):
    """Where everything stands, for people."""
    return {
        "runs": list(
            Run.objects.values("status", "phase", "step_id", "end_reason", "wake_at", "lease_until")
        ),
        "waits": list(Wait.objects.values("kind", "status", "key", "wake_at")),
        "messages": list(Message.objects.values("status", "text", "error")),
        "acknowledged": scene.acknowledged(),
        "database": connection.vendor,
    }


def plain(scene):
    """The scene as JSON takes it."""
    return asdict(scene)
