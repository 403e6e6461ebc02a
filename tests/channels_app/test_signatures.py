from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_app import signatures as s

META = (
    "It's a Secret to Everybody",
    b"Hello, World!",
    "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
)
META_2 = ("secret", b"test", "0329a06b62cd16b33eb6792be8c60b158d89a2ee3a876fce9a881ebb488c0914")
LINE = ("channel_secret", b"bodybodybodybody", "/gg9a+LvFevTH1sd7XCQycD7tsWclCsInj7MhBHxN7k=")
VIBER = (
    "44dafb7e0f40021e-61a47a1e6778d187-f2c5a676a07050b3",
    b'{"event":"webhook","timestamp":4977069964384421269,"message_token":1478683725125}',
    "d21b343448c8aee33b8e93768ef6ceb64a6ba6163099973a2b8bd028fea510ef",
)
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
STANDARD_ID, STANDARD_TIME, STANDARD_BODY = (
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "1614265330",
    b'{"test": 2432232314}',
)
TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
TWILIO_FORM = {
    "CallSid": ["CA1234567890ABCDE"],
    "Caller": ["+14158675309"],
    "Digits": ["1234"],
    "From": ["+14158675309"],
    "To": ["+18005551212"],
}


@pytest.mark.parametrize(("secret", "body", "signature"), [META, META_2])
def test_the_published_vectors_of_meta_fit(secret, body, signature):
    assert s.meta_signature_matches(f"sha256={signature}", body, secret)
    assert not s.meta_signature_matches(f"sha1={signature}", body, secret)
    assert not s.meta_signature_matches(signature, body, secret)


def test_the_published_vectors_of_line_and_viber_fit():
    secret, body, signature = LINE
    assert s.line_signature_matches(signature, body, secret)
    secret, body, signature = VIBER
    assert s.viber_signature_matches(signature, body, secret)


@pytest.mark.parametrize(
    ("url", "form", "signature"),
    [
        (TWILIO_URL, TWILIO_FORM, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (TWILIO_URL.replace(".com", ".com:443"), TWILIO_FORM, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (TWILIO_URL, TWILIO_FORM, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        (TWILIO_URL.replace(".com", ".com:443"), TWILIO_FORM, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        (
            TWILIO_URL,
            {"Digits": ["5678", "1234", "1234"], "Sid": ["CA123"], "SidAccount": ["AC123"]},
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        ),
    ],
)
def test_the_published_vectors_of_twilio_fit(url, form, signature):
    assert s.twilio_signature_matches(signature, url, form, b"", "12345")
    assert not s.twilio_signature_matches(signature, url, {**form, "Digits": ["1"]}, b"", "12345")
    assert not s.twilio_signature_matches(signature, url + "x", form, b"", "12345")


def test_a_json_call_of_twilio_is_proven_by_the_digest_of_its_body():
    body = b'{"property": "value", "boolean": true}'
    url = f"{TWILIO_URL}&bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = "a9nBmqA0ju/hNViExpshrM61xv4="

    assert s.twilio_signature_matches(signature, url, {}, body, "12345")
    assert not s.twilio_signature_matches(signature, url, {}, body + b" ", "12345")


def test_a_slack_call_fits_within_five_minutes():
    body, secret, then = b"token=x&team_id=T1", "8f742231b10e8888abcd99yyyzzz85a5", "1531420618"
    signature = "v0=" + hmac.new(secret.encode(), b"v0:1531420618:" + body, "sha256").hexdigest()

    for drift, good in ((0, True), (299, True), (-299, True), (301, False), (-301, False)):
        assert s.slack_signature_matches(signature, then, body, secret, now=1531420618 + drift) is good
    assert not s.slack_signature_matches(signature, "x", body, secret, now=1531420618)


def standard(header=STANDARD, **changes):
    parts = {"message_id": STANDARD_ID, "timestamp": STANDARD_TIME, "body": STANDARD_BODY, "secret": WHSEC}
    return s.standard_signature_matches(header, **(parts | changes), now=1614265330)


def test_the_published_vector_of_standard_webhooks_fits():
    assert s.standard_signature(STANDARD_ID, STANDARD_TIME, STANDARD_BODY, WHSEC) == STANDARD
    assert standard()
    assert standard(f"v1,bm9wZQ== v1a,xx  {STANDARD}")


@pytest.mark.parametrize(
    "changes",
    [
        {"header": "v1"},
        {"header": "v1,"},
        {"header": "v1,%%%"},
        {"header": "  "},
        {"header": "v1,ü"},
        {"header": STANDARD.replace("v1,", "v2,")},
        {"message_id": ""},
        {"message_id": "other"},
        {"timestamp": "1614265331"},
        {"timestamp": "-1614265330"},
        {"timestamp": "9" * 400},
        {"body": b"\xff\xfe"},
        {"secret": "whsec_"},
        {"secret": "whsec_%"},
        {"secret": "whsec_ü"},
    ],
)
def test_malformed_or_forged_standard_webhooks_are_just_refused(changes):
    assert not standard(**changes)


def test_an_old_standard_webhook_is_refused():
    for drift, good in ((300, True), (301, False), (-301, False)):
        now = 1614265330 + drift
        fits = s.standard_signature_matches(
            STANDARD, STANDARD_ID, STANDARD_TIME, STANDARD_BODY, WHSEC, now=now
        )
        assert fits is good


@given(st.integers(0, 8 * 13 - 1))
def test_one_flipped_bit_is_enough(bit):
    secret, body, signature = META
    flipped = bytearray(body)
    flipped[bit // 8] ^= 1 << bit % 8

    assert not s.meta_signature_matches(f"sha256={signature}", bytes(flipped), secret)


TEXT = st.text(st.characters(), max_size=40)


@given(TEXT, TEXT, TEXT, st.binary(max_size=60), TEXT)
def test_every_check_is_total(header, url, stamp, body, secret):
    assert not any(
        [
            s.meta_signature_matches(header, body, secret),
            s.line_signature_matches(header, body, secret),
            s.viber_signature_matches(header, body, secret),
            s.slack_signature_matches(header, stamp, body, secret, now=1.0),
            s.twilio_signature_matches(header, url, {stamp: [header]}, body, secret),
            s.standard_signature_matches(header, url, stamp, body, secret, now=1.0),
        ]
    )


def test_without_a_secret_nothing_fits():
    empty = hmac.new(b"", b"x", "sha256")
    assert not s.meta_signature_matches(f"sha256={empty.hexdigest()}", b"x", "")
    assert not s.line_signature_matches(base64.b64encode(empty.digest()).decode(), b"x", "")
    assert not s.viber_signature_matches(empty.hexdigest(), b"x", "")
    assert not s.token_matches("", "")
    assert s.token_matches("ü", "ü")


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ({"hub.mode": "subscribe", "hub.verify_token": "t", "hub.challenge": "1158201444"}, "1158201444"),
        ({"hub.mode": "subscribe", "hub.verify_token": "x", "hub.challenge": "1158201444"}, None),
        ({"hub.mode": "subscribe", "hub.verify_token": "t", "hub.challenge": "<script>"}, None),
        ({"hub.mode": "subscribe", "hub.verify_token": "t", "hub.challenge": "1" * 65}, None),
        ({"hub.verify_token": "t", "hub.challenge": "1"}, None),
        ({}, None),
    ],
)
def test_the_set_up_question_of_meta_wants_our_token_and_digits(query, answer):
    assert s.setup_challenge(query, "t") == answer
