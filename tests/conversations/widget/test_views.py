from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels_app.contract import Option
from channels_app.models import Channel
from contacts.models import Contact, ContactIdentity
from conversations.changes import QueueMessage
from conversations.models import Conversation, Message
from conversations.services import messages_queue
from conversations.widget.tokens import visitor_token_for
from isflow.kernel.actor import Actor
from isflow.workspaces.broadcast import captured_broadcasts
from isflow.workspaces.scope import workspace_scope
from tests.conversations.widget.conftest import ADDRESS, Browser
from tests.factories_contacts import make_channel, make_workspace
from tests.factories_conversations import NOON


@pytest.fixture(autouse=True)
def _nobody_listens():
    with captured_broadcasts():
        yield


def answer(chat, text="Hello!", options=(), key="k1", address=ADDRESS):
    with workspace_scope(chat.workspace_id):
        identity = ContactIdentity.objects.get(channel=chat, address=address)
        row = QueueMessage(
            contact_id=identity.contact_id,
            identity_id=identity.pk,
            channel_id=chat.pk,
            key=key,
            at=NOON,
            text=text,
            options=options,
            actor=Actor(source="workflow", name="Welcome", workflow_id=1, run_id=1),
        )
        return messages_queue([row])[key]


def test_a_first_message_makes_contact_conversation_and_message(browser, chat):
    reply = browser.say("Hello, is anybody there?")

    assert reply.status_code == 201
    message = reply.json()["message"]
    assert (message["text"], message["direction"]) == ("Hello, is anybody there?", "in")
    assert message["client_id"] == "client-0001"
    with workspace_scope(chat.workspace_id):
        stored = Message.objects.get()
        assert stored.external_id == f"{ADDRESS}:client-0001"
        assert stored.source == "contact"
        assert Conversation.objects.get().opened_source == "contact"


def test_a_repeated_message_is_stored_once(browser, chat):
    first, second = browser.say("Hello"), browser.say("Hello")

    assert first.json() == second.json()
    with workspace_scope(chat.workspace_id):
        assert Message.objects.count() == 1
        assert Contact.objects.count() == 1


def test_two_visitors_may_give_their_messages_the_same_name(client, chat):
    Browser(client, chat, "one-visitor").say("one")
    Browser(client, chat, "another-visitor").say("two")

    with workspace_scope(chat.workspace_id):
        assert Contact.objects.count() == Message.objects.count() == 2


def test_nothing_is_stored_for_a_visitor_who_only_looks(client, chat):
    token = client.post(f"/widget/{chat.token}/session", b"{}", content_type="application/json").json()[
        "token"
    ]
    reply = client.get(f"/widget/{chat.token}/messages", headers={"x-visitor-token": token})

    assert reply.json() == {"messages": [], "more": False}
    with workspace_scope(chat.workspace_id):
        assert not Contact.objects.exists()


def test_a_session_gives_a_new_visitor_each_time(client, chat):
    tokens = {client.post(f"/widget/{chat.token}/session").json()["token"] for _ in range(3)}
    assert len(tokens) == 3


def test_polling_gives_only_what_is_newer(browser, chat):
    first = browser.say("Hello").json()["message"]["id"]
    answer(chat)

    reply = browser.get(f"?after={first}").json()
    assert [item["text"] for item in reply["messages"]] == ["Hello!"]
    assert reply["messages"][0]["client_id"] is None
    assert browser.texts() == ["Hello", "Hello!"]


def test_earlier_messages_come_in_pages(browser, chat):
    browser.say("start")
    for number in range(60):
        answer(chat, f"m{number}", key=f"k{number}")

    page = browser.get().json()
    assert page["more"]
    assert [item["text"] for item in page["messages"]][-1] == "m59"
    earlier = browser.get(f"?before={page['messages'][0]['id']}").json()
    assert not earlier["more"]
    assert earlier["messages"][0]["text"] == "start"
    assert len(page["messages"]) + len(earlier["messages"]) == 61


def test_a_visitor_learns_nothing_of_workflows_and_members(browser, chat):
    browser.say("Hello")
    answer(chat)

    message = browser.get().json()["messages"][1]
    assert set(message) == {
        "type",
        "id",
        "direction",
        "text",
        "kind",
        "sender",
        "options",
        "attachments",
        "at",
        "client_id",
    }
    assert message["sender"] == ""


def test_a_pressed_choice_is_the_label_with_the_option_as_payload(browser, chat):
    browser.say("Hello")
    answer(chat, "Which?", (Option("o1", "Beans"), Option("o2", "Cups")))

    reply = browser.post({"option": "o2", "client_id": "client-0002"})
    assert reply.json()["message"]["text"] == "Cups"
    with workspace_scope(chat.workspace_id):
        assert Message.objects.get(pk=reply.json()["message"]["id"]).content == {"payload": "o2"}


def test_a_choice_never_offered_is_refused(browser):
    browser.say("Hello")
    reply = browser.post({"option": "other", "client_id": "client-0002"})
    assert reply.status_code == 400
    assert reply.json()["message"] == "There is no such choice."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"text": "x" * 2001, "client_id": "client-0001"}, "A message may have at most 2,000 characters."),
        ({"text": "   ", "client_id": "client-0001"}, "Write something first."),
        ({"text": "hello", "client_id": "short"}, "This is not a message we can read."),
        ({"text": 7, "client_id": "client-0001"}, "This is not a message we can read."),
        (b"{", "This is not a message we can read."),
        (b"[]", "This is not a message we can read."),
        (b'{"text": "\\ud800", "client_id": "client-0001"}', "This is not a message we can read."),
        (b"[" * 50_000, "This is not a message we can read."),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(browser, body, message):
    reply = browser.post(body)
    assert (reply.status_code, reply.json()["message"]) == (400, message)


def test_the_longest_message_is_taken_and_more_than_64_kilobytes_are_not(browser):
    assert browser.say("x" * 2000).status_code == 201
    assert browser.post(b" " * (64 * 1024 + 1)).status_code == 413


def test_a_message_with_zero_bytes_loses_them(browser):
    assert browser.say("a\x00b").json()["message"]["text"] == "ab"


@pytest.mark.parametrize("token", ["", "nonsense", "ü", "a:b:c", "x" * 5000])
def test_a_bad_visitor_token_is_401(browser, token):
    browser.token = token.encode().decode("latin-1")
    assert browser.get().status_code == 401
    assert browser.say("Hello").status_code == 401


def test_a_token_of_another_channel_is_401(browser, chat):
    other = make_channel(make_workspace("Rival"), "web_chat")
    browser.token = visitor_token_for(channel_id=other.pk, address=ADDRESS)
    assert browser.get().status_code == 401


@pytest.mark.parametrize("path", [".js", "/frame", "/messages"])
def test_an_unknown_or_disconnected_channel_is_404(client, chat, path):
    assert client.get(f"/widget/unknown{path}").status_code == 404
    with workspace_scope(chat.workspace_id):
        Channel.objects.update(status="disconnected")
    assert client.get(f"/widget/{chat.token}{path}").status_code == 404


def test_a_channel_of_another_kind_has_no_widget(client, db):
    other = make_channel(make_workspace(), "custom")
    assert client.get(f"/widget/{other.token}.js").status_code == 404


def test_writing_too_fast_is_429_with_a_hint_when_to_try_again(browser):
    for number in range(30):
        assert browser.say("x", f"client-{number:04}").status_code == 201
    reply = browser.say("x", "client-9999")
    assert reply.status_code == 429
    assert reply["Retry-After"] == "30"


def test_other_origins_are_refused_only_where_origins_are_listed(browser, chat):
    assert browser.say("Hello", origin="https://anything.example").status_code == 201
    chat.config = {**chat.config, "allowed_origins": ["https://shop.example"]}
    with workspace_scope(chat.workspace_id):
        chat.save()

    assert browser.get(origin="https://evil.example").status_code == 403
    assert browser.get(origin="null").status_code == 403
    assert browser.get(origin="https://shop.example").status_code == 200
    assert browser.get(origin="http://testserver").status_code == 200


def test_the_frame_may_be_embedded_only_by_allowed_origins(client, chat):
    policy = client.get(f"/widget/{chat.token}/frame")["Content-Security-Policy"]
    assert "frame-ancestors *" in policy
    chat.config = {**chat.config, "allowed_origins": ["https://shop.example"]}
    with workspace_scope(chat.workspace_id):
        chat.save()

    reply = client.get(f"/widget/{chat.token}/frame")
    assert "frame-ancestors 'self' https://shop.example" in reply["Content-Security-Policy"]
    assert "script-src 'self'" in reply["Content-Security-Policy"]
    assert "X-Frame-Options" not in reply


def test_title_and_greeting_are_escaped_in_frame_and_script(client, chat):
    chat.config = {"title": "</script><b>Tom's \u2028", "greeting": "<em>hi</em>", "colour": "#ffee00"}
    with workspace_scope(chat.workspace_id):
        chat.save()

    page = client.get(f"/widget/{chat.token}/frame").content.decode()
    assert "<b>" not in page
    assert "<em>" not in page
    assert "--brand: #ffee00; --brand-ink: #111827" in page
    script = client.get(f"/widget/{chat.token}.js")
    assert script["Content-Type"] == "text/javascript; charset=utf-8"
    assert "})(ISFLOW_CONFIG)" not in script.content.decode()
    assert "\u2028" not in script.content.decode()


def test_a_blocked_contact_gets_no_answer_but_no_error_either(browser, chat):
    browser.say("Hello")
    with workspace_scope(chat.workspace_id):
        Contact.objects.update(is_blocked=True)
    assert browser.say("Still there?", "client-0002").status_code in {201, 403}


def test_the_demo_shop_exists_only_where_it_is_wanted(client, chat, settings):
    assert client.get("/demo/").status_code == 404
    settings.ISFLOW_DEMO = True
    assert f"/widget/{chat.token}.js".encode() in client.get("/demo/").content


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
BODIES = st.one_of(
    st.binary(max_size=200),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries(
        {"client_id": st.text() | st.just("client-0001") | JSON},
        optional={"text": st.text() | JSON, "option": st.text() | JSON},
    ).map(lambda value: json.dumps(value).encode()),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
def test_no_body_gets_a_500(browser, body):
    assert browser.post(body).status_code < 500


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(after=st.text(max_size=30) | st.integers().map(str), token=st.text(max_size=60))
def test_no_query_and_no_token_gets_a_500(client, browser, after, token):
    data = {"after": after, "before": after}
    reply = client.get(browser.url("messages"), data, headers={"x-visitor-token": browser.token})
    assert reply.status_code == 200
    ascii_token = token.encode("ascii", "replace").decode().replace("\n", " ").replace("\r", " ")
    reply = client.get(browser.url("messages"), headers={"x-visitor-token": ascii_token})
    assert reply.status_code == 401
