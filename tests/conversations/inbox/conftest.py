from __future__ import annotations

import pytest

from isflow.workspaces.broadcast import captured_broadcasts
from isflow.workspaces.models import Role
from tests.factories import make_member
from tests.factories_conversations import Site


@pytest.fixture(autouse=True)
def frames():
    """What would have been sent to sockets."""
    with captured_broadcasts() as messages:
        yield messages


@pytest.fixture
def shop(db):
    return Site(kind="fake_instant", contacts=3)


@pytest.fixture
def member(shop):
    return make_member(shop.workspace, Role.OWNER)


class Agent:
    """A signed-in member's browser."""

    def __init__(self, client, member):
        client.force_login(member.user, backend="django.contrib.auth.backends.ModelBackend")
        self.client, self.member = client, member
        self.base = f"/w/{member.workspace.slug}/inbox/"

    def page(self, path="", **headers):
        return self.client.get(self.base + path, headers=headers)

    def json(self, path):
        return self.client.get(self.base + path).json()

    def act(self, contact, what, **data):
        url = f"{self.base}{contact.pk}/{what}/"
        return self.client.post(url, data, headers={"accept": "application/json"})

    def form(self, contact, what, **data):
        return self.client.post(f"{self.base}{contact.pk}/{what}/", data, headers={"accept": "text/html"})


@pytest.fixture
def agent_browser(client, member):
    return Agent(client, member)
