from __future__ import annotations

import json

import pytest

from channels_app.models import Channel
from conversations.widget.tokens import visitor_token_for
from tests.factories_contacts import make_channel, make_workspace

ADDRESS = "visitor-address-1234"


class Browser:
    """What a visitor's browser can do."""

    def __init__(self, client, channel, address=ADDRESS):
        self.client, self.channel, self.address = client, channel, address
        self.token = visitor_token_for(channel_id=channel.pk, address=address)

    def url(self, what):
        return f"/widget/{self.channel.token}/{what}"

    def get(self, query="", **headers):
        return self.client.get(
            self.url(f"messages{query}"), headers={"x-visitor-token": self.token, **headers}
        )

    def post(self, body, **headers):
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        headers = {"x-visitor-token": self.token, **headers}
        return self.client.post(self.url("messages"), data, content_type="application/json", headers=headers)

    def say(self, text, client_id="client-0001", **headers):
        return self.post({"text": text, "client_id": client_id}, **headers)

    def texts(self):
        return [item["text"] for item in self.get().json()["messages"]]


@pytest.fixture
def chat(db) -> Channel:
    return make_channel(make_workspace(), "web_chat", name="Website chat", config={"title": "Larkspur"})


@pytest.fixture
def browser(client, chat):
    return Browser(client, chat)
