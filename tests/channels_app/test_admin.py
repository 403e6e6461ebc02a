from __future__ import annotations

import json

import pytest

from channels_app.connections import MASK
from channels_app.models import Channel, InboundDelivery
from channels_app.services import deliveries_process, delivery_store
from isflow.workspaces.models import Role
from tests.factories import make_member
from tests.factories_contacts import make_channel

CUSTOM = {
    "incoming_token": "in-0123456789abcdef",
    "outgoing_url": "https://example.com/hook",
    "outgoing_token": "out-secret",
}


@pytest.fixture
def browser(client, scope):
    client.force_login(make_member(scope, Role.OWNER).user)
    return client


def test_a_channel_is_added_with_checked_settings(browser, scope):
    page = browser.get("/admin/channels_app/channel/add/")
    assert b"outgoing_url" in page.content

    data = {"kind": "custom", "name": "Shop", "config": json.dumps(CUSTOM)}
    assert browser.post("/admin/channels_app/channel/add/", data).status_code == 302

    channel = Channel.objects.get()
    assert (channel.workspace_id, channel.config, channel.status) == (scope.pk, CUSTOM, "connected")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("[]", "not a JSON object"),
        ("{", "not a JSON object"),
        ("[" * 50_000, "not a JSON object"),
        (json.dumps({**CUSTOM, "outgoing_url": "x"}), "outgoing_url: "),
    ],
)
def test_wrong_settings_are_told_in_words(browser, config, said):
    data = {"kind": "custom", "name": "Shop", "config": config}
    reply = browser.post("/admin/channels_app/channel/add/", data)

    assert said in str(reply.context["adminform"].form.errors["config"])
    assert not Channel.objects.exists()


def test_secrets_are_shown_as_dots_and_kept(browser, scope):
    channel = make_channel(scope, "custom", name="Shop", config=CUSTOM)
    url = f"/admin/channels_app/channel/{channel.pk}/change/"
    page = browser.get(url)
    assert b"out-secret" not in page.content
    assert MASK in page.content.decode()
    assert channel.token in page.content.decode()

    shown = json.loads(page.context["adminform"].form.initial["config"])
    data = {"name": "Shop 2", "status": "connected", "config": json.dumps({**shown, "channel_id": "c"})}
    assert browser.post(url, data).status_code == 302

    channel = Channel.objects.get()
    assert (channel.name, channel.config) == ("Shop 2", {**CUSTOM, "channel_id": "c"})


def test_a_delivery_is_shown_and_replayed_but_never_changed(browser, channel, handler):
    body = json.dumps([{"id": "1", "from": "x", "text": "<b>", "at": "2026-01-02T00:00:00+00:00"}]).encode()
    delivery = delivery_store(channel=channel, body=body)
    deliveries_process()
    url = "/admin/channels_app/inbounddelivery/"
    assert browser.get(f"{url}?q=x").status_code == 200
    page = browser.get(f"{url}{delivery.pk}/change/")
    assert b"&lt;b&gt;" in page.content

    browser.post(url, {"action": "replay", "_selected_action": [delivery.pk]})
    assert InboundDelivery.objects.get().status == "received"
    assert browser.get(f"{url}add/").status_code == 403
    assert browser.get(f"{url}{delivery.pk}/delete/").status_code == 403


def test_channels_of_another_workspace_do_not_exist(browser, other_workspace):
    foreign = make_channel(other_workspace, name="Theirs")

    assert b"Theirs" not in browser.get("/admin/channels_app/channel/").content
    assert browser.get(f"/admin/channels_app/channel/{foreign.pk}/change/").status_code in {302, 404}


@pytest.mark.parametrize(("role", "may_delete"), [(Role.OWNER, True), (Role.MANAGER, False)])
def test_only_an_owner_deletes_a_channel(client, scope, channel, role, may_delete):
    client.force_login(make_member(scope, role).user)
    reply = client.get(f"/admin/channels_app/channel/{channel.pk}/delete/")

    assert reply.status_code == (200 if may_delete else 403)


def test_an_agent_sees_no_admin_pages(client, scope, channel):
    client.force_login(make_member(scope, Role.AGENT).user)

    assert client.get("/admin/channels_app/channel/").status_code in {302, 403}
