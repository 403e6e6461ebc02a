from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from channels_app.adapters.web_chat import WebChatAdapter, WebChatConfig
from channels_app.contract import OutboundMessage, SignatureError, adapters

ADAPTER, CONFIG = WebChatAdapter(), WebChatConfig()


def test_it_is_sent_by_our_own_commit():
    assert adapters.get("web_chat") is WebChatAdapter
    assert WebChatAdapter.capabilities.instant
    with pytest.raises(RuntimeError):
        ADAPTER.send(OutboundMessage("v", "hi", "k"), CONFIG, None)


@given(st.binary(), st.dictionaries(st.text(), st.text()))
def test_no_call_from_outside_is_genuine(body, headers):
    with pytest.raises(SignatureError):
        ADAPTER.verify(headers, body, CONFIG)
    assert list(ADAPTER.parse(body, CONFIG)) == []


def test_good_settings_are_taken():
    config = WebChatConfig.model_validate_json(
        json.dumps({"title": "Hi", "colour": "#12aBcd", "allowed_origins": ["https://example.com"]})
    )
    assert config.allowed_origins == ("https://example.com",)


@pytest.mark.parametrize(
    "bad",
    [
        {"colour": "red"},
        {"colour": "#12345\n"},
        {"allowed_origins": ["example.com"]},
        {"allowed_origins": ["https://example.com/path"]},
        {"title": "x" * 61},
        {"unknown": 1},
    ],
)
def test_wrong_settings_are_refused(bad):
    with pytest.raises(ValidationError):
        WebChatConfig.model_validate_json(json.dumps(bad))
