from __future__ import annotations

import json

import pytest

from channels_app import wire
from channels_app.contract import DeliveryError, DeliveryUnknown
from isflow.infra.http import HttpAnswer, HttpRefused, HttpUnknown


@pytest.fixture
def provider(monkeypatch):
    """A provider that gives the answer it is told and remembers the request."""

    class Provider:
        answer = HttpAnswer(200, (("X-A", "b"),), b"{}", truncated=False, elapsed=0.1)
        request = None

        def __call__(self, request):
            self.request = request
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        def says(self, status, body=b"", **headers):
            named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
            self.answer = HttpAnswer(status, named, body, truncated=False, elapsed=0.1)

    double = Provider()
    monkeypatch.setattr(wire, "send", double)
    return double


def post():
    return wire.post_json("https://example.com/x", {"text": "ü"}, {"Authorization": "Bearer s"})


def test_a_success_is_returned(provider):
    reply = post()

    assert (reply.status, reply.body, reply.headers) == (200, b"{}", {"x-a": "b"})
    assert json.loads(provider.request.body) == {"text": "ü"}
    assert provider.request.secret_headers == {"authorization"}
    assert ("Content-Type", "application/json") in provider.request.headers


@pytest.mark.parametrize("status", [300, 400, 401, 403, 404, 409, 422])
def test_a_refusal_is_permanent_and_tells_the_reason(provider, status):
    provider.says(status, b'{"error": {"message": "No such contact"}}')
    with pytest.raises(DeliveryError) as refusal:
        post()

    assert refusal.value.permanent
    assert refusal.value.message == f"The provider answered {status}: No such contact"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("30", 30.0), ("999999999999", 3600.0), ("soon", None), ("-1", None), ("²", None), ("", None)],
)
def test_a_full_provider_says_when_to_come_again(provider, header, seconds):
    provider.says(429, Retry_After=header)
    with pytest.raises(DeliveryError) as refusal:
        post()

    assert (refusal.value.permanent, refusal.value.retry_after) == (False, seconds)


@pytest.mark.parametrize("status", [100, 408, 425, 500, 502, 503, 504, 599])
def test_a_broken_provider_leaves_the_outcome_unknown(provider, status):
    provider.says(status)
    with pytest.raises(DeliveryUnknown):
        post()


def test_nothing_was_sent_if_the_connection_was_refused(provider):
    provider.answer = HttpRefused("not a public address")
    with pytest.raises(DeliveryError) as refusal:
        post()
    assert not refusal.value.permanent


def test_nobody_knows_if_the_answer_did_not_come(provider):
    provider.answer = HttpUnknown("timeout")
    with pytest.raises(DeliveryUnknown):
        post()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error": "x"}', "x"),
        (b'{"error": {"message": 5}, "description": "d"}', "d"),
        (b'{"message": " m "}', "m"),
        (b"[1]", ""),
        (b"\xff", ""),
        (b"[" * 100_000, ""),
    ],
)
def test_the_reason_is_found_in_the_usual_places(body, text):
    assert wire.error_text(body) == text
