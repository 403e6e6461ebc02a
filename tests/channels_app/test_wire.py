from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from channels_app import wire
from channels_app.contract import DeliveryError, DeliveryUnknown
from isflow.infra.http import HttpAnswer, HttpRefused, HttpUnknown, HttpUnreachable


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
    [
        ("30", 30.0),
        ("0", 0.0),
        ("999999999999", 3600.0),
        ("soon", 2.0),
        ("-1", 2.0),
        ("²", 2.0),
        ("", 2.0),
        ("Fri, 20 Nov 2026 12:01:00 GMT", 60.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 2.0),
        ("Fri, 20 Nov 2099 11:00:00 GMT", 3600.0),
        ("Fri, 99 Nov 2026 11:00:00 GMT", 2.0),
    ],
)
def test_a_full_provider_says_when_to_come_again(provider, header, seconds, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
    provider.says(429, Retry_After=header)
    with pytest.raises(DeliveryError) as refusal:
        post()

    assert (refusal.value.permanent, refusal.value.retry_after) == (False, seconds)


def test_a_full_provider_that_names_no_time_is_left_alone_for_a_moment(provider):
    provider.says(429)
    with pytest.raises(DeliveryError) as refusal:
        post()

    assert refusal.value.retry_after == wire.DEFAULT_RETRY_AFTER


@pytest.mark.parametrize("status", [100, 408, 425, 500, 502, 503, 504, 599])
def test_a_broken_provider_leaves_the_outcome_unknown(provider, status):
    provider.says(status)
    with pytest.raises(DeliveryUnknown):
        post()


def test_nothing_was_sent_if_the_connection_was_refused(provider):
    provider.answer = HttpUnreachable("connection failed")
    with pytest.raises(DeliveryError) as refusal:
        post()
    assert (refusal.value.permanent, refusal.value.unreached) == (False, True)


def test_what_our_own_guard_refuses_is_tried_a_few_times_only(provider):
    provider.answer = HttpRefused("not a public address")
    with pytest.raises(DeliveryError) as refusal:
        post()
    assert (refusal.value.permanent, refusal.value.unreached) == (False, False)


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
