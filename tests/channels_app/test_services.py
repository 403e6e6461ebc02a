from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from channels_app.connections import MASK, ChannelBrokenError, config_masked, config_unmasked, connection_of
from channels_app.contract import DeliveryError, DeliveryUnknown, OutboundMessage
from channels_app.models import Channel
from channels_app.selectors import channel_by_token, channel_views
from channels_app.services import (
    channel_connect,
    channel_create,
    channel_disconnect,
    channel_fault,
    channel_pause,
    send,
)
from isflow.kernel.errors import Conflict, Rejected
from tests.emulated import outbox
from tests.factories_contacts import make_channel

CUSTOM = {
    "incoming_token": "in-0123456789abcdef",
    "outgoing_url": "https://example.com/hook",
    "outgoing_token": "out-secret",
}
MESSAGE = OutboundMessage(recipient="+49170", text="hi", key="k1")


def test_a_channel_is_connected_with_checked_settings(scope):
    channel = channel_create(kind="custom", name=" Shop ", config=CUSTOM)

    channel.refresh_from_db()
    assert (channel.name, channel.status, channel.config) == ("Shop", "connected", CUSTOM)
    assert len(channel.token) >= 32


def test_wrong_settings_are_refused_in_words_that_show_no_secret(scope):
    with pytest.raises(Rejected) as refusal:
        channel_create(
            kind="custom", name="Shop", config={**CUSTOM, "incoming_token": "tiny", "extra": "s3cret"}
        )

    assert "incoming_token: " in refusal.value.message
    assert "extra: " in refusal.value.message
    assert "tiny" not in refusal.value.message
    assert "s3cret" not in refusal.value.message


def test_an_unknown_kind_or_a_taken_name_is_refused(scope, other_workspace):
    with pytest.raises(Rejected):
        channel_create(kind="pigeon", name="Shop", config={})
    make_channel(scope, name="Shop")
    make_channel(other_workspace, name="Theirs")
    with pytest.raises(Conflict):
        channel_create(kind="web_chat", name="Shop", config={})
    assert channel_create(kind="web_chat", name="Theirs", config={}).pk


def test_a_channel_can_be_disconnected_and_connected_again(scope, channel):
    channel_disconnect(channel=channel)
    assert channel_by_token(channel.token) is None

    channel_connect(channel=channel)
    assert channel_by_token(channel.token) == channel


def test_a_fault_is_noted_once(scope, channel):
    assert channel_fault(channel=channel, error="x" * 900)
    assert not channel_fault(channel=channel, error="again")
    channel.refresh_from_db()
    assert (channel.status, channel.last_error) == ("faulty", "x" * 500)

    channel_pause(channel=channel, until=timezone.now() + timedelta(minutes=1))
    channel_connect(channel=channel)
    channel.refresh_from_db()
    assert (channel.status, channel.last_error, channel.not_before) == ("connected", "", None)


def test_the_settings_are_encrypted_and_parsed_once(scope):
    channel = channel_create(kind="custom", name="Shop", config=CUSTOM)
    fresh = Channel.objects.get()

    assert connection_of(channel) is connection_of(fresh)
    stored = Channel.objects.values_list("config", flat=True).get()
    assert "out-secret" not in str(stored)
    assert "out-secret" not in repr(connection_of(fresh))


def test_secrets_are_masked_and_kept_when_unchanged():
    shown = config_masked("custom", CUSTOM)
    assert shown == {**CUSTOM, "incoming_token": MASK, "outgoing_token": MASK}

    given = {**shown, "outgoing_token": "new", "channel_id": "c"}
    assert config_unmasked("custom", given, CUSTOM) == {**CUSTOM, "outgoing_token": "new", "channel_id": "c"}
    assert config_masked("pigeon", {"token": "x"}) == {"token": MASK}


def test_sending_goes_through_the_adapter(channel):
    assert send(channel, MESSAGE).external_id == "chat-1"
    assert outbox.chat.texts == ["hi"]


@pytest.mark.parametrize("error", [KeyError("mId"), TypeError(), ValueError()])
def test_an_adapter_that_stumbles_leaves_the_outcome_unknown(channel, error):
    outbox.chat.fail_with = error
    with pytest.raises(DeliveryUnknown):
        send(channel, MESSAGE)


def test_refusal_and_silence_are_told_apart(channel):
    with outbox.chat.failing(permanent=False, retry_after=7), pytest.raises(DeliveryError) as refusal:
        send(channel, MESSAGE)
    assert (refusal.value.permanent, refusal.value.retry_after) == (False, 7)
    with outbox.chat.silent(), pytest.raises(DeliveryUnknown):
        send(channel, MESSAGE)


@pytest.mark.parametrize(("kind", "config"), [("pigeon", {}), ("custom", {})])
def test_a_broken_channel_sends_nothing_for_good(workspace, kind, config):
    channel = make_channel(workspace, kind, config=config)
    with pytest.raises(ChannelBrokenError):
        connection_of(channel)
    with pytest.raises(DeliveryError) as refusal:
        send(channel, MESSAGE)
    assert refusal.value.permanent


def test_a_list_shows_only_channels_of_the_workspace(
    scope, channel, other_workspace, django_assert_num_queries
):
    make_channel(other_workspace)
    make_channel(scope, "pigeon", name="Zoo")

    with django_assert_num_queries(1):
        views = channel_views()

    assert [(view.id, view.kind_label, view.capabilities.max_buttons) for view in views] == [
        (channel.pk, "Emulated chat", 3),
        (views[1].id, "pigeon", 0),
    ]
