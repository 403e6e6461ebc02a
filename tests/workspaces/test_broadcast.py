from __future__ import annotations

import asyncio
import threading
import time

import pytest

from isflow.workspaces import broadcast as module
from isflow.workspaces.broadcast import GroupMessage, broadcast

MESSAGE = GroupMessage("live.1.inbox", {"type": "live.frames", "frames": []})


class Layer:
    def __init__(self, action=None):
        self.sent = []
        self.threads = set()
        self.action = action
        self.done = threading.Event()

    async def group_send(self, group, message):
        self.threads.add(threading.current_thread().name)
        try:
            if self.action:
                await self.action()
            self.sent.append((group, message))
        finally:
            self.done.set()


@pytest.fixture
def use(monkeypatch):
    def install(layer):
        monkeypatch.setattr(module, "get_channel_layer", lambda: layer)
        monkeypatch.setattr(module, "_sender", None)
        return layer

    yield install
    if module._sender is not None:
        while module._sender.pending:
            time.sleep(0.01)
        module._sender.close()


async def refuse():
    raise ConnectionRefusedError


async def hang():
    await asyncio.sleep(60)


def test_nobody_waits_and_one_thread_sends_everything(use):
    layer = use(Layer())
    for _ in range(3):
        layer.done.clear()
        broadcast([MESSAGE])
        assert layer.done.wait(5)
    assert layer.threads == {"isflow-broadcast"}
    assert layer.sent == [(MESSAGE.group, {**MESSAGE.message, "group": MESSAGE.group})] * 3


def test_a_dead_layer_costs_a_log_line_only(use):
    layer = use(Layer(refuse))
    broadcast([MESSAGE])
    assert layer.done.wait(5)
    layer.action = None
    layer.done.clear()
    broadcast([MESSAGE])
    assert layer.done.wait(5)


def test_a_frozen_layer_does_not_pile_up_messages(use, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(module, "MAX_PENDING", 2)
    layer = use(Layer(hang))
    for _ in range(5):
        broadcast([MESSAGE])
    assert module._sender.pending == 2
    assert layer.done.wait(5)


def test_nothing_starts_no_thread(use):
    use(Layer())
    broadcast([])
    assert module._sender is None
