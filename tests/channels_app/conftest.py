from __future__ import annotations

import pytest

from channels_app.signals import items_received
from isflow.workspaces.scope import workspace_scope
from tests.emulated import outbox
from tests.factories_contacts import make_channel, make_workspace


@pytest.fixture(autouse=True)
def _clean_outboxes():
    yield
    outbox.clear_all()


@pytest.fixture
def workspace(db):
    return make_workspace()


@pytest.fixture
def other_workspace(db):
    return make_workspace("Rival")


@pytest.fixture
def scope(workspace):
    with workspace_scope(workspace.pk):
        yield workspace


@pytest.fixture
def channel(workspace):
    return make_channel(workspace)


class Handler:
    """Stands for the app above: keeps what it gets, and fails when told to."""

    def __init__(self):
        self.calls = []
        self.error = None
        self.poison = ""
        self.during = None
        self.early = ()

    @property
    def texts(self):
        return [getattr(item, "text", item) for _, items in self.calls for item in items]

    def __call__(self, *, channel, items, **_kwargs):
        self.calls.append((channel, list(items)))
        if self.during is not None:
            self.during()
        if self.error is not None:
            raise self.error
        if self.poison and any(getattr(item, "text", "") == self.poison for item in items):
            raise ZeroDivisionError("poison")
        return [item for item in items if getattr(item, "text", "") in self.early]


@pytest.fixture
def handler():
    """The only receiver of items for the time of a test."""
    receivers, items_received.receivers = items_received.receivers, []
    items_received.sender_receivers_cache.clear()
    handler = Handler()
    items_received.connect(handler, weak=False)
    yield handler
    items_received.receivers = receivers
    items_received.sender_receivers_cache.clear()
