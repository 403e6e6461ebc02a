from __future__ import annotations

import asyncio
import threading

import pytest

from isflow.infra.layers import ThreadedInMemoryChannelLayer


@pytest.fixture
def home():
    """Run a server's loop in a thread of its own, as the serving command does."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    ThreadedInMemoryChannelLayer.home = loop
    yield loop
    ThreadedInMemoryChannelLayer.home = None
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


def receive(layer, loop, channel):
    return asyncio.run_coroutine_threadsafe(layer.receive(channel), loop)


def test_a_message_from_another_thread_wakes_the_servers_loop(home):
    layer = ThreadedInMemoryChannelLayer(capacity=10)
    channel = asyncio.run_coroutine_threadsafe(layer.new_channel(), home).result(5)
    waiting = receive(layer, home, channel)

    asyncio.run(layer.send(channel, {"type": "hello"}))

    assert waiting.result(5) == {"type": "hello"}


def test_a_group_message_from_another_thread_reaches_its_channels(home):
    layer = ThreadedInMemoryChannelLayer(capacity=10)
    channel = asyncio.run_coroutine_threadsafe(layer.new_channel(), home).result(5)
    asyncio.run_coroutine_threadsafe(layer.group_add("agents", channel), home).result(5)
    waiting = receive(layer, home, channel)

    asyncio.run(layer.group_send("agents", {"type": "news"}))

    assert waiting.result(5) == {"type": "news"}


def test_without_a_server_it_is_an_ordinary_layer():
    async def story():
        layer = ThreadedInMemoryChannelLayer()
        channel = await layer.new_channel()
        await layer.send(channel, {"type": "hello"})
        return await layer.receive(channel)

    assert asyncio.run(story()) == {"type": "hello"}


def test_a_message_to_a_closed_server_is_dropped():
    loop = asyncio.new_event_loop()
    loop.close()
    ThreadedInMemoryChannelLayer.home = loop
    try:
        asyncio.run(ThreadedInMemoryChannelLayer().send("nobody", {"type": "hello"}))
    finally:
        ThreadedInMemoryChannelLayer.home = None
