from __future__ import annotations

import pytest

from channels_app.contract import adapters
from tests.factories import make_member
from tests.factories_contacts import recorded_events
from tests.factories_conversations import Provider, Site, fake_kind


@pytest.fixture(autouse=True)
def _kinds():
    fake_kind("fake", media_kinds=frozenset({"image"}))
    fake_kind("fake_instant", instant=True)
    fake_kind("fake_window", window_hours=24)
    fake_kind("fake_idempotent", idempotent=True)
    fake_kind("fake_slow", sends_per_second=2)
    yield
    for key in ("fake", "fake_instant", "fake_window", "fake_idempotent", "fake_slow"):
        adapters.unregister(key)


@pytest.fixture
def site(db):
    return Site()


@pytest.fixture
def rival(db):
    return Site(name="Rival")


@pytest.fixture
def agent(site):
    return make_member(site.workspace).user


@pytest.fixture
def other_agent(site, agent):
    return make_member(site.workspace).user


@pytest.fixture
def events(site):
    """Events recorded after the site was made."""
    with recorded_events() as seen:
        yield seen


@pytest.fixture
def provider(monkeypatch):
    """What takes the messages sent."""
    fake = Provider()
    monkeypatch.setattr("conversations.outbound.send", fake)
    return fake


@pytest.fixture
def frames(monkeypatch):
    """Frames published, transaction by transaction."""
    published = []
    monkeypatch.setattr(
        "conversations.realtime.publish", lambda workspace_id, rows: published.append((workspace_id, rows))
    )
    return published
