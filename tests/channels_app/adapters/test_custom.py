from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from channels_app.adapters.custom import CustomAdapter, CustomConfig
from channels_app.contract import (
    AdapterIO,
    Attachment,
    DeliveryUnknown,
    HttpReply,
    InboundMessage,
    InboundStatus,
    Option,
    OutboundMessage,
    SignatureError,
    Unparsed,
)

TOKEN, OLD = "in-0123456789abcdef", "old-0123456789abcdef"
SETTINGS = {
    "channel_id": "shop",
    "incoming_token": TOKEN,
    "previous_incoming_token": OLD,
    "outgoing_url": "https://example.com/hook",
    "outgoing_token": "out",
}
CONFIG = CustomConfig.model_validate_json(json.dumps(SETTINGS))
ADAPTER = CustomAdapter()
TIME = 1_700_000_000_000
AT = datetime.fromtimestamp(TIME / 1000, tz=UTC)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def event(**changes):
    return {
        "type": "message",
        "mId": "m1",
        "timestamp": TIME,
        "message": {"type": "text", "text": "hi"},
    } | changes


def parse(*events, **changes):
    call = {"channelId": "shop", "contactId": "+49 (170) 12-34", "events": list(events)} | changes
    return list(ADAPTER.parse(json.dumps(call).encode(), CONFIG))


@pytest.mark.parametrize("token", [TOKEN, OLD])
def test_both_current_and_previous_token_are_proof(token):
    ADAPTER.verify({"Authorization": f"Bearer {token}"}, b"", CONFIG)


@given(st.text(), st.binary(max_size=20))
def test_anything_else_is_only_a_signature_error(header, body):
    for headers in ({"Authorization": header}, {"Authorization": f"Bearer {header}"}, {}):
        with pytest.raises(SignatureError):
            ADAPTER.verify(headers, body, CONFIG)


@pytest.mark.parametrize("scheme", ["Basic", "", "Bearer:"])
def test_the_scheme_must_be_bearer(scheme):
    with pytest.raises(SignatureError):
        ADAPTER.verify({"Authorization": f"{scheme} {TOKEN}"}, b"", CONFIG)


@pytest.mark.rule("SP.E5.custom_channel")
def test_a_message_is_read():
    assert parse(event(), contact={"firstName": "Ada", "lastName": "Byron"}) == [
        InboundMessage("m1", "+491701234", AT, text="hi", sender_name="Ada Byron")
    ]


def test_an_echo_an_attachment_a_place_and_a_reply_are_read():
    file = {"type": "image", "url": "https://x/i.png", "fileName": "i.png", "mimeType": "image/png"}
    items = parse(
        event(type="message_echo"),
        event(message={"type": "attachment", "attachment": file, "text": "see"}),
        event(message={"type": "location", "latitude": 52.5, "longitude": 13, "address": "Berlin"}),
        event(message={"type": "text", "text": "Yes", "payload": "opt-1"}),
        contactId="user_1",
    )
    assert items == [
        InboundMessage("m1", "user_1", AT, text="hi", echo=True),
        InboundMessage(
            "m1",
            "user_1",
            AT,
            kind="image",
            text="see",
            attachments=(Attachment("image", "https://x/i.png", "i.png", "image/png"),),
        ),
        InboundMessage("m1", "user_1", AT, kind="location", text="Berlin", location=(52.5, 13.0)),
        InboundMessage("m1", "user_1", AT, text="Yes", payload="opt-1"),
    ]


def test_statuses_are_read():
    assert parse(
        event(type="message_status", status="delivered"),
        event(type="message_status", status={"value": "failed", "message": "gone"}),
    ) == [InboundStatus("m1", "delivered", AT), InboundStatus("m1", "failed", AT, "gone")]


@pytest.mark.parametrize(
    "bad",
    [
        event(mId="x" * 51),
        event(mId=""),
        event(mId=True),
        event(timestamp=None),
        event(timestamp=1e30),
        event(type="unheard_of"),
        event(message={"type": "text", "text": "  "}),
        event(message={"type": "attachment", "attachment": {"url": "javascript:x"}}),
        event(message={"type": "location", "latitude": 500, "longitude": 0}),
        event(message=None),
        event(type="message_status", status="lost"),
        "not an object",
        None,
    ],
)
def test_a_bad_event_is_shown_and_the_next_one_read(bad):
    first, second = parse(bad, event(mId="m2"))

    assert isinstance(first, Unparsed)
    assert second.external_id == "m2"


@pytest.mark.parametrize(
    "changes",
    [
        {"contactId": "a b"},
        {"contactId": "x" * 51},
        {"contactId": None},
        {"channelId": "other"},
        {"events": {}},
    ],
)
def test_a_call_that_is_not_for_us_is_shown(changes):
    (item,) = parse(event(), **changes)

    assert isinstance(item, Unparsed)


def test_a_flood_of_events_is_cut():
    items = parse(*[event(mId=str(n)) for n in range(600)])

    assert len(items) == 501
    assert isinstance(items[-1], Unparsed)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_parsing_is_total(body):
    for item in ADAPTER.parse(body, CONFIG):
        assert isinstance(item, Unparsed)


@given(JSON, JSON, JSON, JSON)
def test_parsing_is_total_inside_an_event_too(message, moment, status, contact):
    for kind in ("message", "message_status"):
        for item in parse(
            event(type=kind, message=message, timestamp=moment, status=status), contact=contact
        ):
            assert isinstance(item, InboundMessage | InboundStatus | Unparsed)


def test_what_a_database_cannot_store_is_left_out():
    (item,) = parse(event(message={"type": "text", "text": "a\x00b\ud800c"}))

    assert item.text == "abc"


def sending(message, reply=b'{"mId": "p1"}'):
    calls = []

    def post_json(url, body, headers):
        calls.append((url, body, headers))
        return HttpReply(200, reply)

    return ADAPTER.send(message, CONFIG, AdapterIO(post_json=post_json)), calls[0]


@pytest.mark.rule("SP.E5.custom_channel")
def test_a_message_is_posted_with_token_and_key():
    receipt, (url, body, headers) = sending(OutboundMessage("+49170", "hi", "k1"))

    assert receipt.external_id == "p1"
    assert url == "https://example.com/hook"
    assert body == {"channelId": "shop", "contactId": "+49170", "message": {"type": "text", "text": "hi"}}
    assert headers == {"Authorization": "Bearer out", "Idempotency-Key": "k1"}


def test_choices_and_files_have_their_own_form():
    _, (_, body, _) = sending(OutboundMessage("u", "Pick", "k", options=(Option("o1", "One"),)))
    assert body["message"] == {
        "type": "quick_reply",
        "title": "Pick",
        "replies": [{"payload": "o1", "title": "One"}],
    }
    _, (_, body, _) = sending(
        OutboundMessage("u", "", "k", attachments=(Attachment("file", "https://x/f", "f"),))
    )
    assert body["message"]["attachment"] == {
        "type": "file",
        "url": "https://x/f",
        "fileName": "f",
        "mimeType": "",
    }


@pytest.mark.parametrize("reply", [b"", b"[]", b'{"mId": ""}', b"\xff", b'{"mId": {}}'])
def test_an_answer_without_an_id_is_an_unknown_outcome(reply):
    with pytest.raises(DeliveryUnknown):
        sending(OutboundMessage("u", "hi", "k"), reply)


@pytest.mark.parametrize(
    "bad",
    [
        {"incoming_token": "short"},
        {"previous_incoming_token": ""},
        {"outgoing_url": "ftp://x"},
        {"channel_id": "x" * 51},
        {"outgoing_token": None},
    ],
)
def test_wrong_settings_are_refused(bad):
    with pytest.raises(ValidationError):
        CustomConfig.model_validate_json(json.dumps(SETTINGS | bad))
