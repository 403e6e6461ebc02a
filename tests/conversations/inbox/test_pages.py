from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.models import Contact
from conversations.inbound import receive
from conversations.models import ClosingCategory, Comment, Conversation, Message
from isflow.workspaces.access import Restriction
from isflow.workspaces.models import Role
from isflow.workspaces.socket_limits import sockets
from tests.conversations.inbox.conftest import Agent
from tests.factories import make_member
from tests.factories_conversations import Site, incoming


def write(shop, n=0, text="Hi"):
    return receive(shop.channel, [incoming(text, sender=shop.identities[n].address)])


def names(reply):
    return [row["name"] for row in reply["rows"]]


def test_strangers_and_people_not_signed_in_stay_outside(client, shop, member):
    page = f"/w/{shop.workspace.slug}/inbox/"
    assert client.get(page).status_code == 302
    foreign = make_member(Site(name="Rival").workspace, Role.OWNER)
    client.force_login(foreign.user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(page).status_code == 404
    assert client.get(f"{page}{shop.contact.pk}/").status_code == 404


def test_an_empty_inbox_says_what_happens_next(agent_browser):
    page = agent_browser.page().content.decode()
    assert "No open conversations" in page
    assert "Choose a conversation" in page


def test_the_list_shows_who_wrote_last_first(agent_browser, shop):
    write(shop, 0, "first words")
    write(shop, 1, "second words")
    page = agent_browser.page().content.decode()
    assert page.index("second words") < page.index("first words")
    assert "<title>(2) Inbox" in page


def test_no_page_carries_script_or_style_of_its_own(agent_browser, shop):
    write(shop)
    for path in ("", f"{shop.contact.pk}/"):
        page = agent_browser.page(path).content.decode()
        assert "<style" not in page
        assert "onclick" not in page
        assert (
            page.count("<script") == page.count("<script src") + page.count('<script type="module" src') + 1
        )
        assert '<script id="inbox-config" type="application/json">' in page


def test_what_contacts_write_is_escaped(agent_browser, shop):
    write(shop, text="<script>alert(1)</script>")
    assert "<script>alert" not in agent_browser.page(f"{shop.contact.pk}/").content.decode()


@pytest.mark.rule("SP.D2.mine_unassigned_all", "SP.D2.status_filter")
def test_tabs_filter_and_count(agent_browser, shop, member):
    for n in range(3):
        write(shop, n)
    shop.assign(member.user, 1)
    counts = agent_browser.json("counts/")
    assert counts == {"all": 3, "mine": 1, "unassigned": 2, "unread": 3, "pause": 0}
    assert names(agent_browser.json("rows/?tab=mine")) == ["C1"]
    assert names(agent_browser.json("rows/?tab=unassigned")) == ["C2", "C0"]
    assert names(agent_browser.json("rows/?status=closed")) == []
    assert names(agent_browser.json("rows/?q=c2")) == ["C2"]


@pytest.mark.rule("SP.D4.comment_mode", "SP.D5.event_lines")
def test_a_thread_carries_messages_comments_and_lines(agent_browser, shop):
    write(shop, text="Where is my parcel?")
    agent_browser.act(shop.contact, "send", mode="comment", text="VIP", key="comment-0001")
    agent_browser.act(shop.contact, "send", mode="reply", text="On its way", key="reply-000001")
    page = agent_browser.page(f"{shop.contact.pk}/").content.decode()
    for text in ("Where is my parcel?", "VIP", "On its way", "Conversation opened by"):
        assert text in page
    kinds = [item["type"] for item in agent_browser.json(f"{shop.contact.pk}/items/")["items"]]
    assert kinds == ["line", "message", "comment", "message"]


def test_parts_of_the_page_can_be_had_alone(agent_browser, shop):
    write(shop)
    whole = agent_browser.page(f"{shop.contact.pk}/").content
    part = agent_browser.page(f"{shop.contact.pk}/", **{"x-inbox-part": "conversation"}).content
    panel = agent_browser.page(f"{shop.contact.pk}/", **{"x-inbox-part": "panel"}).content
    assert b"<html" in whole
    assert b'id="inbox-list"' in whole
    assert b"<html" not in part
    assert b'id="thread"' in part
    assert b'id="thread"' not in panel
    assert b'id="contact-panel"' in panel


def test_a_reply_is_stored_once_however_often_it_is_posted(agent_browser, shop):
    write(shop)
    answers = [
        agent_browser.act(shop.contact, "send", text="Hello", key="same-key-01").json() for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert answers[0]["item"]["status"] == "sent"
    with shop.scope():
        assert Message.objects.filter(direction="out").count() == 1


@pytest.mark.rule("SP.A2.inbox_message_opens")
def test_a_reply_opens_a_closed_conversation(agent_browser, shop):
    write(shop)
    shop.close()
    agent_browser.act(shop.contact, "send", text="One more thing", key="reply-000001")
    with shop.scope():
        assert Conversation.objects.filter(status="open", opened_source="user").count() == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"text": " ", "key": "reply-000001"}, "Write something first."),
        ({"text": "x" * 2001, "key": "reply-000001"}, "A message may have at most 2,000 characters."),
        ({"text": "x", "key": "?"}, "This form is out of date. Load the page again."),
        (
            {"text": "x", "key": "reply-000001", "identity": "99999"},
            "No connected channel reaches this contact.",
        ),
    ],
)
def test_a_reply_that_cannot_go_is_refused_in_words(agent_browser, shop, data, message):
    write(shop)
    reply = agent_browser.act(shop.contact, "send", **data)
    assert (reply.status_code, reply.json()["message"]) == (400, message)


@pytest.mark.rule("SP.D3.assign")
def test_assigning_and_taking_back(agent_browser, shop, member):
    write(shop)
    row = agent_browser.act(shop.contact, "assign", user=member.user_id).json()["row"]
    assert row["assignee"] == member.user_id
    assert agent_browser.act(shop.contact, "assign", user="").json()["row"]["assignee"] is None
    outsider = make_member(Site(name="Rival").workspace).user
    for wrong in (outsider.pk, "x", "9" * 30):
        assert agent_browser.act(shop.contact, "assign", user=wrong).status_code == 400


@pytest.mark.rule("SP.D3.close", "SP.D3.closing_note_modes")
def test_closing_asks_for_what_the_workspace_wants(agent_browser, shop):
    shop.workspace.closing_notes = "both"
    shop.workspace.save()
    with shop.scope():
        category = ClosingCategory.objects.create(workspace=shop.workspace, name="Question")
    write(shop)
    contact = shop.contact
    assert agent_browser.act(contact, "close").json()["message"] == "Choose a category."
    assert agent_browser.act(contact, "close", category=category.pk).json()["message"] == "Write a summary."
    assert agent_browser.act(contact, "close", category=10**12, summary="x").status_code == 400
    row = agent_browser.act(contact, "close", category=category.pk, summary="All good").json()["row"]
    assert row["status"] == "closed"
    line = agent_browser.json(f"{contact.pk}/items/")["items"][-1]
    assert (line["event"], line["category"], line["summary"]) == ("closed", "Question", "All good")
    assert agent_browser.act(contact, "open").json()["row"]["status"] == "open"


@pytest.mark.parametrize(
    ("mode", "has_dialog", "closes_at_once"),
    [("disabled", False, True), ("optional", True, True), ("category", True, False), ("both", True, False)],
)
def test_every_mode_of_closing_notes_has_its_buttons(agent_browser, shop, mode, has_dialog, closes_at_once):
    shop.workspace.closing_notes = mode
    shop.workspace.save()
    write(shop)
    page = agent_browser.page(f"{shop.contact.pk}/").content
    assert (b"close-dialog" in page) is has_dialog
    assert (b"data-close-now" in page) is closes_at_once
    if closes_at_once:
        assert agent_browser.act(shop.contact, "close", quick="1").json()["row"]["status"] == "closed"


def test_pages_are_kept_by_no_cache(agent_browser, shop):
    write(shop)
    for path in ("", "rows/", "counts/", f"{shop.contact.pk}/", f"{shop.contact.pk}/items/"):
        assert "no-store" in agent_browser.page(path)["Cache-Control"]


def test_closing_without_scripts_goes_by_a_page(agent_browser, shop):
    shop.workspace.closing_notes = "category"
    shop.workspace.save()
    write(shop)
    page = agent_browser.page(f"{shop.contact.pk}/close/")
    assert b"Close the conversation with C0" in page.content
    refused = agent_browser.form(shop.contact, "close", summary="x")
    assert refused.status_code == 400
    assert b"Choose a category." in refused.content


def test_plain_forms_are_redirected_to_the_thread(agent_browser, shop):
    write(shop)
    reply = agent_browser.form(shop.contact, "send", mode="reply", text="Hello", key="reply-000001")
    assert reply.status_code == 302
    assert reply["Location"] == f"{agent_browser.base}{shop.contact.pk}/"
    refused = agent_browser.form(shop.contact, "send", mode="reply", text="", key="reply-000002")
    assert refused.status_code == 302
    assert b"Write something first." in agent_browser.page(f"{shop.contact.pk}/").content


def test_reading_clears_the_unread_count(agent_browser, shop):
    write(shop)
    assert agent_browser.act(shop.contact, "read").json() == {"changed": True}
    assert agent_browser.act(shop.contact, "read").json() == {"changed": False}
    assert agent_browser.json("counts/")["unread"] == 0


@pytest.mark.rule("SP.D7.edit_contact")
def test_contact_fields_are_checked_and_stored(agent_browser, shop):
    write(shop)
    reply = agent_browser.act(shop.contact, "contact", email=" Ada@Example.org ")
    assert reply.json()["values"]["email"].lower() == "ada@example.org"
    assert agent_browser.act(shop.contact, "contact", email="nonsense").status_code == 400
    assert agent_browser.act(shop.contact, "contact", phone="abc").status_code == 400
    with shop.scope():
        assert Contact.objects.get(pk=shop.contact.pk).email.lower() == "ada@example.org"


def test_who_sees_only_own_contacts_finds_no_others(client, shop):
    limited = make_member(shop.workspace, Role.AGENT, restrictions=[Restriction.ONLY_MINE])
    browser = Agent(client, limited)
    write(shop, 0)
    write(shop, 1)
    shop.assign(limited.user, 0)
    assert names(browser.json("rows/?tab=all")) == ["C0"]
    assert browser.page(f"{shop.contacts[1].pk}/").status_code == 404
    for what in ("send", "assign", "close", "open", "read", "contact"):
        assert browser.act(shop.contacts[1], what, text="x", key="reply-000001").status_code == 404
    # Handing a contact on takes it out of sight.
    assert browser.act(shop.contacts[0], "assign", user="").json() == {"row": None}
    assert browser.page(f"{shop.contacts[0].pk}/").status_code == 404


def test_actions_need_a_post_and_the_csrf_token(agent_browser, shop, member):
    for what in ("send", "assign", "open", "read", "contact"):
        assert agent_browser.page(f"{shop.contact.pk}/{what}/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(member.user, backend="django.contrib.auth.backends.ModelBackend")
    assert strict.post(f"{agent_browser.base}{shop.contact.pk}/send/", {"text": "x"}).status_code == 403


def test_another_workspaces_contact_does_not_exist(agent_browser):
    rival = Site(kind="fake_instant", name="Rival")
    assert agent_browser.page(f"{rival.contact.pk}/").status_code == 404
    assert agent_browser.act(rival.contact, "send", text="x", key="reply-000001").status_code == 404
    with rival.scope():
        assert not Message.objects.exists()
        assert not Comment.objects.exists()


def test_the_list_costs_the_same_for_one_row_and_for_many(agent_browser, shop):
    write(shop, 0)
    agent_browser.page()
    with CaptureQueriesContext(connection) as one:
        agent_browser.page()
    write(shop, 1)
    write(shop, 2)
    with CaptureQueriesContext(connection) as three:
        agent_browser.page()
    assert len(one) == len(three)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(max_size=40),
    where=st.sampled_from(["cursor", "before", "q", "tab", "status"]),
)
def test_no_query_gets_a_500(agent_browser, shop, text, where):
    for path in ("", "rows/", f"{shop.contact.pk}/", f"{shop.contact.pk}/items/"):
        assert agent_browser.client.get(agent_browser.base + path, {where: text}).status_code < 500


def test_many_open_pages_count_less_often(agent_browser, monkeypatch):
    monkeypatch.setattr(sockets, "_total", 600)
    assert agent_browser.json("counts/")["pause"] == 20


@pytest.mark.parametrize("path", ["", "?tab=mine&status=closed", "rows/", "{contact}/", "{contact}/items/"])
def test_a_page_costs_the_same_with_more_in_it(agent_browser, shop, path):
    def spent():
        with CaptureQueriesContext(connection) as captured:
            assert agent_browser.page(path.format(contact=shop.contact.pk)).status_code == 200
        return len(captured)

    write(shop, 0)
    spent()
    first = spent()
    for n in range(1, 3):
        write(shop, n)
    for _ in range(20):
        shop.queue()
    assert spent() == first
