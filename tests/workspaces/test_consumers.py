from __future__ import annotations

import asyncio
import json

import pytest
from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async as sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.db import OperationalError, transaction
from django.test import Client
from django.urls import reverse

from isflow.infra.layers import ThreadedInMemoryChannelLayer
from isflow.workspaces import consumers, live
from isflow.workspaces.access import Restriction
from isflow.workspaces.hub import Hub, get_hub
from isflow.workspaces.live import Frame, publish, recheck_access
from isflow.workspaces.models import Membership, Presence, Role
from isflow.workspaces.routing import websocket_urlpatterns
from isflow.workspaces.scope import all_workspaces
from isflow.workspaces.socket_limits import sockets
from tests.factories import make_member, make_team, make_workspace

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]

application = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))


@pytest.fixture(autouse=True)
def threaded_layer(settings, monkeypatch):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "isflow.infra.layers.ThreadedInMemoryChannelLayer"}}
    yield
    monkeypatch.setattr(ThreadedInMemoryChannelLayer, "home", None)


@pytest.fixture(autouse=True)
def even_threads(monkeypatch):
    monkeypatch.setitem(
        live.STREAM_KINDS,
        "thread",
        live.StreamKind(
            lambda _member, argument: argument.isdigit() and int(argument) % 2 == 0, frozenset({"typing"})
        ),
    )


@sync_to_async
def set_up(*, role=Role.AGENT, restrictions=(), team=False):
    workspace = make_workspace()
    member = make_member(
        workspace, role, restrictions=restrictions, team=make_team(workspace) if team else None
    )
    return workspace, member, cookie_of(member.user)


def cookie_of(user):
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.cookies[django_settings.SESSION_COOKIE_NAME].value


async def connect(slug, cookie=""):
    ThreadedInMemoryChannelLayer.home = asyncio.get_running_loop()
    headers = [(b"cookie", f"{django_settings.SESSION_COOKIE_NAME}={cookie}".encode())] if cookie else []
    socket = WebsocketCommunicator(application, f"/ws/w/{slug}/live/", headers=headers)
    await socket.connect()
    return socket


async def enter(slug, cookie):
    socket = await connect(slug, cookie)
    assert "hello" in await socket.receive_json_from()
    return socket


async def close_code(socket):
    event = await socket.receive_output(5)
    assert event["type"] == "websocket.close", event
    await socket.wait()
    return event["code"]


@sync_to_async
def publish_now(workspace, *frames):
    with transaction.atomic():
        publish(workspace.pk, frames)


async def test_a_stranger_without_login_is_turned_away():
    await set_up()
    assert await close_code(await connect("acme")) == 4401


async def test_somebody_else_s_workspace_is_closed():
    _, _, cookie = await set_up()
    await sync_to_async(make_workspace)("other")
    assert await close_code(await connect("other", cookie)) == 4403
    assert await close_code(await connect("missing", cookie)) == 4403


async def test_frames_reach_a_subscriber_with_their_numbers():
    workspace, _, cookie = await set_up()
    await publish_now(workspace, Frame("thread:2", "before"))
    socket = await enter("acme", cookie)
    await socket.send_json_to({"subscribe": ["thread:2"]})
    assert await socket.receive_json_from() == {"subscribed": "thread:2", "stream": "thread:2", "n": 1}
    await publish_now(workspace, Frame("thread:2", "a", {"x": 1}), Frame("thread:4", "hidden"))
    assert await socket.receive_json_from() == {"s": "thread:2", "k": "a", "d": {"x": 1}, "n": 2}
    await socket.send_json_to({"unsubscribe": ["thread:2"]})
    assert await socket.receive_json_from() == {"unsubscribed": "thread:2"}
    await publish_now(workspace, Frame("thread:2", "b"))
    assert await socket.receive_nothing()
    await socket.disconnect()


async def test_unknown_and_forbidden_streams_are_refused():
    _, member, cookie = await set_up()
    socket = await enter("acme", cookie)
    asked = ["thread:3", "thread:", "nonsense", f"user:{member.user_id + 1}", "inbox:team:1", "inbox:user:1"]
    await socket.send_json_to({"subscribe": asked})
    assert [await socket.receive_json_from() for _ in asked] == [{"refused": name} for name in asked]
    await socket.send_json_to({"subscribe": [f"user:{member.user_id}"]})
    assert (await socket.receive_json_from())["n"] == 0
    await socket.disconnect()


@pytest.mark.parametrize(
    ("restrictions", "team", "stream"),
    [
        ([], True, "inbox"),
        ([Restriction.TEAM_CONTACTS], True, "inbox:team:{team}"),
        ([Restriction.TEAM_CONTACTS], False, "inbox:user:{user}"),
        ([Restriction.ONLY_MINE], True, "inbox:user:{user}"),
    ],
)
async def test_the_server_decides_which_inbox_somebody_hears(restrictions, team, stream):
    _, member, cookie = await set_up(restrictions=restrictions, team=team)
    socket = await enter("acme", cookie)
    await socket.send_json_to({"subscribe": ["inbox"]})
    expected = stream.format(team=member.team_id, user=member.user_id)
    assert await socket.receive_json_from() == {"subscribed": "inbox", "stream": expected, "n": 0}
    await socket.disconnect()


async def test_signing_out_in_one_tab_closes_the_sockets_of_this_browser_only():
    _, member, cookie = await set_up()
    other_cookie = await sync_to_async(cookie_of)(member.user)
    socket, other = await enter("acme", cookie), await enter("acme", other_cookie)

    @sync_to_async
    def log_out():
        client = Client()
        client.cookies[django_settings.SESSION_COOKIE_NAME] = cookie
        client.post(reverse("account_logout"))

    await log_out()
    assert await close_code(socket) == 4401
    # The other browser only hears that the person went offline, if it listens.
    assert await other.receive_nothing()
    await other.disconnect()


async def test_a_session_that_has_ended_is_noticed_at_the_next_look():
    _, member, cookie = await set_up()
    socket = await enter("acme", cookie)

    @sync_to_async
    def change_password():
        member.user.set_password("something else entirely")
        member.user.save()
        recheck_access([member.user_id])

    await change_password()
    assert await close_code(socket) == 4401


async def test_losing_the_membership_closes_the_socket():
    _, member, cookie = await set_up()
    socket = await enter("acme", cookie)

    @sync_to_async
    def remove():
        with all_workspaces():
            Membership.objects.all().delete()
        recheck_access([member.user_id])

    await remove()
    assert await close_code(socket) == 4403


async def test_changed_rights_make_the_browser_connect_anew():
    _, member, cookie = await set_up()
    socket = await enter("acme", cookie)

    @sync_to_async
    def restrict():
        with all_workspaces():
            Membership.objects.update(restrictions=[Restriction.ONLY_MINE])
        recheck_access([member.user_id])

    await restrict()
    assert await close_code(socket) == 1012


@pytest.mark.parametrize("text", ["not json", "[]", json.dumps({"ping": "x" * 70_000}), "[" * 30_000])
async def test_unreadable_and_huge_messages_end_the_connection(text):
    _, _, cookie = await set_up()
    socket = await enter("acme", cookie)
    await socket.send_to(text_data=text)
    assert await close_code(socket) == 1008


async def test_a_flood_ends_the_connection():
    _, _, cookie = await set_up()
    socket = await enter("acme", cookie)
    for _ in range(21):
        await socket.send_json_to({"hum": 1})
    assert await close_code(socket) == 1008


async def test_a_ping_is_answered_with_the_streams_numbers():
    workspace, member, cookie = await set_up()
    socket = await enter("acme", cookie)
    await socket.send_json_to({"subscribe": ["inbox"]})
    await socket.receive_json_from()
    await publish_now(workspace, Frame("inbox", "a"))
    await socket.receive_json_from()
    await socket.send_json_to({"ping": 1, "active": True})
    assert await socket.receive_json_from() == {"pong": {"inbox": 1}}
    await socket.disconnect()
    await sync_to_async(refresh)(member)
    assert member.presence == Presence.ONLINE


def refresh(member):
    with all_workspaces():
        member.refresh_from_db()


async def test_who_does_not_read_loses_frames_and_is_told_which():
    workspace, _, cookie = await set_up()
    socket = await enter("acme", cookie)
    await socket.send_json_to({"subscribe": ["inbox"]})
    await socket.receive_json_from()
    await publish_now(workspace, *[Frame("inbox", "a") for _ in range(300)])
    for number in range(1, 257):
        assert (await socket.receive_json_from())["n"] == number
    assert await socket.receive_nothing()
    await socket.send_json_to({"ack": 256})
    assert await socket.receive_json_from() == {"lost": ["inbox"]}
    await socket.disconnect()


async def test_typing_is_passed_on_under_the_true_name():
    _, member, cookie = await set_up()
    socket = await enter("acme", cookie)
    await socket.send_json_to({"subscribe": ["thread:2"]})
    await socket.receive_json_from()
    await socket.send_json_to({"whisper": "thread:2", "k": "message.created", "d": {"name": "Mallory"}})
    await socket.send_json_to({"whisper": "thread:4", "k": "typing"})
    await socket.send_json_to({"whisper": "thread:2", "k": "typing", "d": {"name": "Mallory"}})
    frame = await socket.receive_json_from()
    assert frame == {
        "s": "thread:2",
        "k": "typing",
        "d": {"user_id": member.user_id, "name": member.user.name},
    }
    await socket.disconnect()


async def test_nobody_holds_sockets_without_end():
    _, _, cookie = await set_up()
    opened = [await enter("acme", cookie) for _ in range(20)]
    assert await close_code(await connect("acme", cookie)) == 1008
    for socket in opened:
        await socket.disconnect()
    await (await enter("acme", cookie)).disconnect()


async def subscribed(slug, cookie, stream):
    socket = await enter(slug, cookie)
    await socket.send_json_to({"subscribe": [stream]})
    assert "subscribed" in await socket.receive_json_from()
    return socket


class Gate:
    """Holds up an awaitable function of the consumers' module until it is opened."""

    def __init__(self, monkeypatch, name, *, fault=None):
        self.entered, self.open = asyncio.Event(), asyncio.Event()
        real = getattr(consumers, name)

        async def held_up(*args):
            self.entered.set()
            await self.open.wait()
            if fault:
                raise fault
            return await real(*args)

        monkeypatch.setattr(consumers, name, held_up)


async def test_nothing_is_heard_after_the_news_that_access_may_have_gone(monkeypatch):
    workspace, member, cookie = await set_up()
    socket = await subscribed("acme", cookie, "inbox")
    gate = Gate(monkeypatch, "look_up")

    @sync_to_async
    def remove():
        with all_workspaces():
            Membership.objects.all().delete()
        recheck_access([member.user_id])

    await remove()
    await asyncio.wait_for(gate.entered.wait(), 5)
    await publish_now(workspace, Frame("inbox", "secret"))
    assert await socket.receive_nothing()
    gate.open.set()
    assert await close_code(socket) == 4403


async def test_frames_wait_for_a_check_that_ends_well(monkeypatch):
    workspace, member, cookie = await set_up()
    socket = await subscribed("acme", cookie, "inbox")
    gate = Gate(monkeypatch, "look_up")
    await sync_to_async(recheck_access)([member.user_id])
    await asyncio.wait_for(gate.entered.wait(), 5)
    await publish_now(workspace, Frame("inbox", "a"), Frame("inbox", "b"))
    assert await socket.receive_nothing()
    gate.open.set()
    assert [(await socket.receive_json_from())["n"] for _ in range(2)] == [1, 2]
    await publish_now(workspace, Frame("inbox", "c"))
    assert (await socket.receive_json_from())["n"] == 3
    await socket.disconnect()


async def test_a_check_that_fails_ends_the_connection(monkeypatch):
    _, member, cookie = await set_up()
    socket = await enter("acme", cookie)
    Gate(monkeypatch, "look_up", fault=OSError("database away")).open.set()
    await sync_to_async(recheck_access)([member.user_id])
    assert await close_code(socket) == 1012


async def test_a_frame_that_comes_while_somebody_subscribes_follows_the_answer(monkeypatch):
    workspace, _, cookie = await set_up()
    socket = await enter("acme", cookie)
    gate = Gate(monkeypatch, "numbers_of")
    await socket.send_json_to({"subscribe": ["inbox"]})
    await asyncio.wait_for(gate.entered.wait(), 5)
    await publish_now(workspace, Frame("inbox", "a"))
    assert await socket.receive_nothing()
    gate.open.set()
    assert (await socket.receive_json_from())["subscribed"] == "inbox"
    assert (await socket.receive_json_from())["n"] == 1
    await socket.disconnect()


async def test_who_is_hung_up_while_subscribing_leaves_no_trace(monkeypatch):
    _, member, cookie = await set_up()
    socket = await enter("acme", cookie)
    gate = Gate(monkeypatch, "may_hear")
    await socket.send_json_to({"subscribe": ["inbox"]})
    await asyncio.wait_for(gate.entered.wait(), 5)

    @sync_to_async
    def remove():
        with all_workspaces():
            Membership.objects.all().delete()
        recheck_access([member.user_id])

    await remove()
    assert (await socket.receive_output(5))["code"] == 4403
    assert get_hub()._listeners == {}
    gate.open.set()
    await socket.receive_output(5)
    assert get_hub()._listeners == {}
    await socket.disconnect()


async def test_a_socket_that_breaks_gives_its_place_back(monkeypatch):
    _, _, cookie = await set_up()
    before = sockets.total

    async def refuse(*_args):
        raise ConnectionRefusedError

    monkeypatch.setattr(Hub, "join", refuse)
    socket = await connect("acme", cookie)
    with pytest.raises(ConnectionRefusedError):
        await socket.receive_output(0.5)
    assert sockets.total == before


async def test_the_regular_look_outlives_a_database_that_is_away(monkeypatch):
    _, _, cookie = await set_up()
    monkeypatch.setattr(consumers, "RECHECK_SECONDS", 0.05)
    socket = await enter("acme", cookie)
    with monkeypatch.context() as away:
        Gate(away, "look_up", fault=OperationalError()).open.set()
        assert await socket.receive_nothing(0.3)

    @sync_to_async
    def remove():
        with all_workspaces():
            Membership.objects.all().delete()

    await remove()
    assert await close_code(socket) == 4403
