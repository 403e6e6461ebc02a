from __future__ import annotations

import json

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels_app.models import Channel, InboundDelivery
from isflow.workspaces.scope import all_workspaces
from tests.emulated.base import SECRET
from tests.factories_contacts import make_channel

HEADERS = {"X-Emulated-Secret": SECRET}


def stored():
    with all_workspaces():
        return [bytes(row.body) for row in InboundDelivery.objects.order_by("pk")]


def post(channel, body, client=None, **headers):
    client = client or Client()
    return client.post(
        f"/hooks/channel/{channel.token}/", body, content_type="application/json", headers=headers or HEADERS
    )


@pytest.mark.rule("DS3.stored_first")
def test_a_genuine_call_is_stored_as_it_came_and_answered_empty(channel, hints):
    reply = post(channel, b" {not json \xff}", client=Client(enforce_csrf_checks=True))

    assert (reply.status_code, reply.content) == (200, b"")
    assert stored() == [b" {not json \xff}"]
    assert hints == ["inbound"]
    assert "sessionid" not in reply.cookies


@pytest.mark.rule("DS3.signature")
def test_a_call_without_proof_is_refused(channel):
    reply = post(channel, b"[]", **{"X-Emulated-Secret": "wrong"})

    assert (reply.status_code, reply.content) == (401, b"")
    assert stored() == []


@pytest.mark.parametrize("token", ["nobody", "x" * 300, "%00", "ü"])
def test_an_unknown_address_does_not_exist(db, token):
    assert Client().post(f"/hooks/channel/{token}/").status_code == 404


def test_a_disconnected_channel_does_not_exist(workspace):
    channel = make_channel(workspace, status=Channel.Status.DISCONNECTED)

    assert post(channel, b"[]").status_code == 404


def test_a_call_that_is_too_long_is_refused(channel):
    assert post(channel, b"x" * 1_000_001).status_code == 413
    assert post(channel, b"x" * 6_000_000).status_code == 413
    assert stored() == []


def test_broken_settings_ask_the_provider_to_come_again(workspace):
    channel = make_channel(workspace, config={"nonsense": 1})

    assert post(channel, b"[]").status_code == 503


def test_a_web_chat_takes_no_calls(workspace):
    assert post(make_channel(workspace, "web_chat"), b"[]").status_code == 401


@pytest.mark.parametrize(
    ("query", "status", "body"),
    [
        ({"verify_token": SECRET, "challenge": "1158201444"}, 200, b"1158201444"),
        ({"verify_token": SECRET, "challenge": "<script>alert(1)</script>"}, 403, b""),
        ({"verify_token": SECRET, "challenge": "1" * 65}, 403, b""),
        ({"verify_token": SECRET}, 403, b""),
        ({"verify_token": "wrong", "challenge": "1"}, 403, b""),
        ({}, 403, b""),
    ],
)
def test_the_set_up_question_is_answered_only_with_the_secret(channel, query, status, body):
    reply = Client().get(f"/hooks/channel/{channel.token}/", query)

    assert (reply.status_code, reply.content) == (status, body)
    if status == 200:
        assert reply["Content-Type"].startswith("text/plain")


def test_other_methods_are_refused(channel):
    assert Client().put(f"/hooks/channel/{channel.token}/").status_code == 405


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=300),
    value=st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40),
)
def test_whatever_is_sent_without_proof_is_a_401_and_no_row(db, channel, body, value):
    reply = post(channel, body, **{"X-Emulated-Secret": "x" + value})

    assert (reply.status_code, reply.content) == (401, b"")
    assert stored() == []


@pytest.mark.rule("DS3.stored_first")
@pytest.mark.django_db(transaction=True)
def test_the_answer_comes_after_the_commit(channel):
    assert post(channel, json.dumps([]).encode()).status_code == 200
    assert stored() == [b"[]"]


def test_the_view_asks_the_database_little(channel, django_assert_max_num_queries):
    with django_assert_max_num_queries(4):
        post(channel, b"[]")
