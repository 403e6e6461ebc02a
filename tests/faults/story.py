"""A shop's order, told through every mechanism of the engine: a workspace, two workflows, a provider."""

from __future__ import annotations

import urllib.request
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

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
from channels_app.models import Channel
from contacts.models import Contact, ContactIdentity, Tag
from isflow.workspaces.models import Workspace
from isflow.workspaces.scope import workspace_scope
from tests.factories_workflows import document, publish

STEPS = ["field", "tell", "pause", "ask", "call", "tag", "note", "close"]
PAUSE_SECONDS = 3
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


def plain(scene):
    """The scene as JSON takes it."""
    return asdict(scene)
