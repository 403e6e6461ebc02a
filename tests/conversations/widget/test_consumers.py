from __future__ import annotations

import asyncio
import json

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.utils import timezone

from channels_app.contract import InboundMessage
from conversations import inbound
from conversations.changes import QueueMessage
from conversations.models import Message
from conversations.routing import websocket_urlpatterns
from conversations.services import messages_queue
from conversations.widget.tokens import visitor_token_for
from isflow.infra.layers import ThreadedInMemoryChannelLayer
from isflow.kernel.actor import Actor
from isflow.workspaces.scope import workspace_scope
from tests.factories_contacts import make_channel, make_workspace

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]

application = URLRouter(websocket_urlpatterns)
ADDRESS = "visitor-address-1234"


@pytest.fixture(autouse=True)
def threaded_layer(settings, monkeypatch):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "isflow.infra.layers.ThreadedInMemoryChannelLayer"}}
    yield
    monkeypatch.setattr(ThreadedInMemoryChannelLayer, "home", None)


@sync_to_async
def make_chat(**config):
    return make_channel(make_workspace(), "web_chat", config=config)


@sync_to_async
def say(chat, text="Hello", name="client-0001", address=ADDRESS):
    item = InboundMessage(external_id=f"{address}:{name}", sender=address, sent_at=timezone.now(), text=text)
    return inbound.receive(chat, [item]).new[0]


@sync_to_async
def answer(chat, text, key="k1"):
    with workspace_scope(chat.workspace_id):
        first = Message.objects.first()
        row = QueueMessage(
            contact_id=first.contact_id,
            identity_id=first.identity_id,
            channel_id=chat.pk,
            key=key,
            at=timezone.now(),
            text=text,
            actor=Actor(source="workflow", name="Welcome", workflow_id=1, run_id=1),
        )
        return messages_queue([row])[key].message_id


async def connect(chat, *, token=None, address=ADDRESS, origin=None, path=None):
    ThreadedInMemoryChannelLayer.home = asyncio.get_running_loop()
    headers = [(b"origin", origin)] if origin else []
    socket = WebsocketCommunicator(application, f"/ws/widget/{path or chat.token}/", headers=headers)
    await socket.connect()
    token = visitor_token_for(channel_id=chat.pk, address=address) if token is None else token
    await socket.send_to(json.dumps({"token": token}))
    return socket


async def close_code(socket):
    event = await socket.receive_output(5)
    assert event["type"] == "websocket.close", event
    await socket.wait()
    return event["code"]


async def test_a_visitor_hears_own_messages_and_answers_in_order():
    chat = await make_chat()
    await say(chat)
    socket = await connect(chat)
    ready = (await socket.receive_json_from())["ready"]

    mine = await say(chat, "Second", "client-0002")
    theirs = await answer(chat, "Welcome!")

    [first] = (await socket.receive_json_from(timeout=5))["frames"]
    [second] = (await socket.receive_json_from(timeout=5))["frames"]
    assert (first["n"], second["n"]) == (ready + 1, ready + 2)
    assert first["message"]["id"] == mine
    assert first["message"]["client_id"] == "client-0002"
    assert second["message"]["id"] == theirs
    assert second["message"]["text"] == "Welcome!"
    assert second["message"]["sender"] == ""
    await socket.disconnect()


async def test_a_visitor_hears_nothing_of_others():
    chat = await make_chat()
    await say(chat)
    await say(chat, address="another-visitor-99")
    socket = await connect(chat)
    await socket.receive_json_from()

    await say(chat, "secret", "client-0002", "another-visitor-99")
    assert await socket.receive_nothing(0.2)
    await socket.disconnect()


@pytest.mark.parametrize("token", ["", "nonsense", 7, ["a"], {"a": 1}])
async def test_a_bad_token_closes_the_socket(token):
    chat = await make_chat()
    await say(chat)
    assert await close_code(await connect(chat, token=token)) == 4401


async def test_nobody_is_known_before_the_first_message():
    chat = await make_chat()
    assert await close_code(await connect(chat)) == 4404


async def test_an_unknown_channel_is_not_found():
    chat = await make_chat()
    assert await close_code(await connect(chat, path="unknown")) == 4404


async def test_a_page_of_a_foreign_origin_may_not_listen():
    chat = await make_chat(allowed_origins=["https://shop.example"])
    await say(chat)
    assert await close_code(await connect(chat, origin=b"https://evil.example")) == 4401
    socket = await connect(chat, origin=b"https://shop.example")
    assert "ready" in await socket.receive_json_from()
    await socket.disconnect()


@pytest.mark.parametrize("text", ["nonsense", "[]", "[" * 5000, "x" * 70_000])
async def test_anything_unreadable_ends_the_connection(text):
    chat = await make_chat()
    socket = WebsocketCommunicator(application, f"/ws/widget/{chat.token}/")
    await socket.connect()
    await socket.send_to(text)
    assert await close_code(socket) == 1008


async def test_a_flood_ends_the_connection():
    chat = await make_chat()
    await say(chat)
    socket = await connect(chat)
    await socket.receive_json_from()
    for _ in range(25):
        await socket.send_to("{}")
    assert await close_code(socket) == 1008
