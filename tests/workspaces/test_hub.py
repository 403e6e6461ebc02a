from __future__ import annotations

import asyncio
import json

import pytest
import pytest_asyncio

from isflow.workspaces import hub as module
from isflow.workspaces.hub import SOCKETS_AT_ONCE, Hub, get_hub

pytestmark = pytest.mark.asyncio


class Layer:
    """A channel layer with one process on it."""

    def __init__(self):
        self.queue = asyncio.Queue()
        self.channels = 0
        self.groups = []
        self.fault = None

    async def new_channel(self):
        await asyncio.sleep(0)
        self.channels += 1
        return f"ear{self.channels}"

    async def group_add(self, group, channel):
        if self.fault:
            raise self.fault
        self.groups.append(("add", group, channel))

    async def group_discard(self, group, channel):
        if self.fault:
            raise self.fault
        self.groups.append(("discard", group, channel))

    async def receive(self, _channel):
        return await self.queue.get()


class Socket:
    def __init__(self, action=None):
        self.parcels = []
        self.news = []
        self.action = action

    async def hear(self, parcels):
        self.parcels.extend(parcels)
        if self.action:
            self.action()

    def notice(self, message):
        self.news.append(message)

    @property
    def frames(self):
        return [json.loads(parcel.text) for parcel in self.parcels]


@pytest.fixture
def layer(monkeypatch):
    made = Layer()
    monkeypatch.setattr(module, "get_channel_layer", lambda: made)
    return made


@pytest_asyncio.fixture
async def hub(layer):
    made = Hub()
    yield made
    for task in made._tasks:
        task.cancel()


def frames(group, *kinds):
    return {"type": "live.frames", "group": group, "frames": [{"s": "inbox", "k": kind} for kind in kinds]}


async def settled():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_all_sockets_of_a_group_share_one_channel_and_one_text(hub, layer):
    one, two, other = Socket(), Socket(), Socket()
    await asyncio.gather(hub.join("g", one), hub.join("g", two), hub.join("h", other))
    layer.queue.put_nowait(frames("g", "a", "b"))
    await settled()
    assert layer.channels == 1
    assert one.frames == [{"s": "inbox", "k": "a"}, {"s": "inbox", "k": "b"}]
    assert all(mine is theirs for mine, theirs in zip(one.parcels, two.parcels, strict=True))
    assert other.parcels == []


async def test_news_about_access_reach_the_person_s_sockets_in_turn_with_frames(hub, layer):
    order = []
    socket = Socket(lambda: order.append("frame"))
    socket.notice = lambda _message: order.append("news")
    await hub.join("g", socket)
    await hub.join("person.1", socket)
    for message in (frames("g", "a"), {"type": "access.recheck", "group": "person.1"}, frames("g", "b")):
        layer.queue.put_nowait(message)
    await settled()
    assert order == ["frame", "news", "frame"]


async def test_who_has_left_hears_nothing_even_while_others_are_being_served(hub, layer):
    last = Socket()
    first = Socket(lambda: hub.leave("g", last))
    await hub.join("g", first)
    await hub.join("g", last)
    layer.queue.put_nowait(frames("g", "a"))
    await settled()
    assert (len(first.parcels), last.parcels) == (1, [])


async def test_pages_get_their_turn_while_many_sockets_are_served(hub, layer):
    heard = []
    loop = asyncio.get_running_loop()
    await hub.join("g", Socket(lambda: loop.call_soon(heard.append, "page")))
    for _ in range(SOCKETS_AT_ONCE):
        await hub.join("g", Socket(lambda: heard.append("frame")))
    layer.queue.put_nowait(frames("g", "a"))
    await settled()
    assert heard == ["frame"] * (SOCKETS_AT_ONCE - 1) + ["page", "frame"]


@pytest.mark.parametrize("message", [{}, {"type": "live.frames"}, {"type": "live.frames", "frames": [{}]}])
async def test_what_cannot_be_read_does_not_make_deaf(hub, layer, monkeypatch, message):
    monkeypatch.setattr(module, "AFTER_FAULT_SECONDS", 0)
    socket = Socket()
    await hub.join("g", socket)
    layer.queue.put_nowait(message)
    layer.queue.put_nowait(frames("g", "a"))
    await settled()
    assert len(socket.parcels) == 1


async def test_the_fault_of_one_socket_is_not_that_of_the_others(hub, layer):
    def fail():
        raise LookupError

    broken, sound = Socket(fail), Socket()
    await hub.join("g", broken)
    await hub.join("g", sound)
    layer.queue.put_nowait(frames("g", "a"))
    await settled()
    assert len(sound.parcels) == 1


async def test_the_last_to_leave_closes_the_group(hub, layer):
    one, two = Socket(), Socket()
    await hub.join("g", one)
    await hub.join("g", two)
    hub.leave("g", one)
    hub.leave("g", one)
    await settled()
    assert ("discard", "g", "ear1") not in layer.groups
    hub.leave("g", two)
    await settled()
    assert layer.groups[-1] == ("discard", "g", "ear1")


async def test_who_comes_while_the_last_one_leaves_finds_the_group_open(hub, layer):
    one, two = Socket(), Socket()
    await hub.join("g", one)
    hub.leave("g", one)
    await hub.join("g", two)
    await settled()
    assert ("discard", "g", "ear1") not in layer.groups


async def test_after_a_failure_the_next_socket_joins_anew(hub, layer):
    layer.fault = ConnectionRefusedError()
    one = Socket()
    with pytest.raises(ConnectionRefusedError):
        await hub.join("g", one)
    hub.leave("g", one)
    await settled()
    layer.fault = None
    await hub.join("g", Socket())
    assert layer.groups == [("add", "g", "ear1")]


async def test_groups_are_joined_again_from_time_to_time(hub, layer, monkeypatch):
    monkeypatch.setattr(module, "RENEW_SECONDS", 0)
    await hub.join("g", Socket())
    layer.fault = ConnectionRefusedError()
    await settled()
    layer.fault = None
    layer.groups.clear()
    await settled()
    assert ("add", "g", "ear1") in layer.groups


async def test_there_is_one_hub(layer):
    assert get_hub() is get_hub()
