from __future__ import annotations

import re
import time
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import PHONE, login_state, shot, take

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

LIVE = 1_000
"""Milliseconds within which the other side shows what happened."""


def words(text):
    """Text that no other test writes."""
    return f"{text} {uuid4().hex[:6]}"


def test_a_visitor_and_an_agent_talk_live(browsers, omar, visitor):
    hello, answer, again, note = (
        words(text) for text in ("Hello there", "Hi! Omar here", "Great", "Nice person")
    )

    visitor.say(hello)
    expect(omar.row(hello)).to_be_visible(timeout=LIVE)
    assert omar.rows.locator("li").first.inner_text().find(hello) >= 0
    omar.open(hello)
    omar.shows(hello)
    omar.reply(answer)
    omar.shows(answer)
    visitor.shows(answer, LIVE)
    visitor.say(again)
    omar.shows(again, LIVE)

    omar.composer.press("Escape")
    omar.page.keyboard.press("n")
    omar.reply(note)
    omar.shows(note)
    take(omar.page, "thread-1280")
    take(visitor.page, "widget-1280")
    omar.page.wait_for_timeout(400)
    assert note not in visitor.log.inner_text()
    expect(visitor.bubbles()).to_have_count(3)
    expect(omar.thread.locator(".message")).to_have_count(3)


def test_an_agent_takes_over_and_closes_with_category_and_summary(browsers, omar, visitor):
    hello, summary = words("Where is my order?"), words("It was at the neighbour's")
    visitor.say(hello)
    omar.open(hello)
    page = omar.page
    page.get_by_text("Change who is responsible").locator("..").click()
    page.get_by_role("button", name="Assign to me").click()
    omar.shows("Omar Haddad took over", LIVE)
    expect(omar.row(hello).get_by_text("Assigned to Omar Haddad")).to_be_attached()

    page.get_by_role("link", name="Close", exact=True).click()
    dialog = page.get_by_role("dialog", name="Close the conversation")
    dialog.get_by_label("Category").select_option(label="Order")
    dialog.get_by_label("Summary").fill(summary)
    with shot(page, "closing-1280"):
        pass
    dialog.get_by_role("button", name="Close conversation").click()
    omar.shows("Conversation closed by Omar Haddad", LIVE)
    omar.shows(summary)
    expect(page.get_by_role("button", name="Open", exact=True)).to_be_visible()
    expect(omar.row(hello)).to_have_count(0)

    visitor.say(words("One more thing"))
    omar.shows("Conversation opened by the contact", LIVE)
    expect(page.get_by_role("link", name="Close", exact=True)).to_be_visible()


def test_a_message_that_did_not_go_out_is_sent_once_when_tried_again(browsers, omar, visitor):
    browsers.allow("Failed to load resource", "ERR_FAILED", "net::")
    first, text = words("Hello"), words("Are you there?")
    visitor.say(first)
    visitor.shows(first)
    expect(visitor.log.locator(".waiting")).to_have_count(0)
    page = visitor.page
    page.route(
        "**/messages", lambda route: route.abort() if route.request.method == "POST" else route.continue_()
    )
    visitor.say(text)
    retry = visitor.frame.get_by_role("button", name="Try again")
    expect(retry).to_be_visible()
    take(page, "widget-not-sent")
    page.unroute("**/messages")
    # The server takes the message but its answer is lost: the second attempt must not double it.
    lost = {"once": True}

    def lose_the_answer(route):
        if route.request.method == "POST" and lost.pop("once", False):
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/messages", lose_the_answer)
    retry.click()
    expect(retry).to_be_hidden()
    page.wait_for_timeout(500)
    if retry.is_visible():
        retry.click()
    expect(visitor.log.locator(".failed, .waiting")).to_have_count(0)
    expect(visitor.bubbles()).to_have_count(2)
    omar.open(text)
    expect(omar.thread.locator(".message")).to_have_count(2)


def test_without_a_socket_the_widget_asks_every_three_seconds(browsers, site, omar):
    page = browsers.page()
    page.route_web_socket(re.compile("/ws/widget/"), lambda socket: socket.close())
    origin = browsers.server.url
    page.goto(f"{origin}/widget/{site['token']}/frame")
    hello, answer = words("No sockets here"), words("Still heard you")
    page.get_by_label("Your message").fill(hello)
    page.get_by_label("Your message").press("Enter")
    omar.open(hello)
    omar.reply(answer)
    expect(page.get_by_role("log").get_by_text(answer)).to_be_visible(timeout=6_000)


def test_the_conversation_survives_a_reload(visitor):
    hello = words("Remember me")
    visitor.say(hello)
    visitor.shows(hello)
    visitor.page.reload()
    visitor.open()
    visitor.shows(hello)
    expect(visitor.bubbles()).to_have_count(1)


def test_a_closed_widget_counts_what_it_has_not_shown(omar, visitor):
    hello = words("I will close this")
    visitor.say(hello)
    omar.open(hello)
    visitor.field.press("Escape")
    launcher = visitor.page.get_by_role("button", name=re.compile("^Open chat"))
    expect(launcher).to_be_focused()
    omar.reply(words("Are you still there?"))
    expect(visitor.page.get_by_role("button", name="Open chat (1)")).to_be_visible(timeout=LIVE)


def test_reading_up_is_not_disturbed_by_new_messages(omar, visitor):
    hello = words("A long story")
    visitor.say(hello)
    omar.open(hello)
    for number in range(14):
        omar.reply(f"line {number}\nsecond\nthird")
    expect(omar.thread.locator(".message")).to_have_count(15)
    omar.thread.evaluate("log => { log.scrollTop = 0 }")
    news = words("News from below")
    visitor.say(news)
    jump = omar.page.get_by_role("button", name=re.compile("New messages"))
    expect(jump).to_be_visible(timeout=LIVE)
    assert omar.thread.evaluate("log => log.scrollTop") == 0
    expect(omar.thread.locator(".divider")).to_be_attached()
    jump.click()
    expect(omar.thread.get_by_text(news)).to_be_in_viewport()


def test_a_draft_waits_for_its_conversation(omar, browsers, site):
    one, two = browsers.embedded(site["token"]), browsers.embedded(site["token"])
    first, second, draft = words("First"), words("Second"), words("Half a sentence")
    for chat, text in ((one, first), (two, second)):
        chat.open()
        chat.say(text)
    omar.open(first)
    omar.composer.fill(draft)
    omar.open(second)
    expect(omar.composer).to_have_value("")
    omar.open(first)
    expect(omar.composer).to_have_value(draft)
    omar.page.reload()
    expect(omar.composer).to_have_value(draft)


def test_the_list_is_walked_by_keyboard(omar, browsers, site):
    chat = browsers.embedded(site["token"])
    chat.open()
    text = words("Keyboard")
    chat.say(text)
    expect(omar.row(text)).to_be_visible()
    omar.page.locator("body").press("j")
    expect(omar.page.locator("[data-rows] [aria-current=page]")).to_contain_text(text)
    omar.composer.press("Escape")
    omar.page.keyboard.press("n")
    expect(omar.composer).to_be_focused()
    expect(omar.page.get_by_role("radio", name="Comment")).to_be_checked()
    omar.composer.press("j")
    expect(omar.composer).to_have_value("j")


def test_counts_and_title_follow_by_themselves(omar, browsers, site):
    before = omar.page.title()
    unread = int((re.match(r"\((\d+)\)", before) or [0, "0"])[1])
    chat = browsers.embedded(site["token"])
    chat.open()
    chat.say(words("Count me"))
    expect(omar.page).to_have_title(re.compile(rf"^\({unread + 1}\)"), timeout=2 * LIVE)


def test_two_agents_see_the_same(omar, browsers, site, visitor):
    lena = browsers.agent(site["lena"], site["slug"]).go()
    hello, answer = words("Two of you?"), words("It is me, Lena")
    visitor.say(hello)
    for agent in (omar, lena):
        agent.open(hello)
    lena.reply(answer)
    omar.shows(answer, LIVE)
    for agent in (omar, lena):
        expect(agent.thread.locator(".message")).to_have_count(2)


def test_a_lost_connection_catches_up(browsers, omar, visitor):
    browsers.allow("net::", "WebSocket")
    hello = words("Before the tunnel")
    visitor.say(hello)
    omar.open(hello)
    omar.page.context.set_offline(True)
    missed = [words(f"In the tunnel {n}") for n in range(3)]
    for text in missed:
        visitor.say(text)
    visitor.shows(missed[-1])
    omar.page.context.set_offline(False)
    omar.page.evaluate("dispatchEvent(new Event('online'))")
    for text in missed:
        omar.shows(text, 35_000)
    expect(omar.thread.locator(".message")).to_have_count(4)


def test_on_a_phone_one_pane_is_shown_at_a_time(browsers, site):
    chat = browsers.embedded(site["token"], viewport=PHONE, is_mobile=True, has_touch=True)
    chat.open()
    hello = words("From the tram")
    chat.say(hello)
    chat.shows(hello)
    take(chat.page, "widget-390")
    agent = browsers.agent(site["omar"], site["slug"], viewport=PHONE).go()
    expect(agent.row(hello)).to_be_visible()
    take(agent.page, "list-390")
    agent.open(hello)
    expect(agent.page.get_by_role("heading", name="Inbox")).to_be_hidden()
    agent.shows(hello)
    take(agent.page, "thread-390")
    agent.page.get_by_role("button", name="Contact details").click()
    expect(agent.page.get_by_label("E-mail")).to_be_in_viewport()
    take(agent.page, "panel-390")
    agent.page.get_by_role("button", name="Close details").click()
    agent.page.get_by_role("link", name="Back to the list").click()
    expect(agent.row(hello)).to_be_visible()
    assert agent.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_messages_of_a_burst_arrive_in_order(omar, visitor):
    texts = [words(f"number {n}") for n in range(6)]
    start = time.monotonic()
    for text in texts:
        visitor.say(text)
    omar.open(texts[-1])
    for text in texts:
        omar.shows(text)
    assert omar.thread.locator(".message .bubble__text").all_inner_texts() == texts
    assert time.monotonic() - start < 20


def test_who_is_writing_is_shown_to_colleagues(omar, browsers, site, visitor):
    lena = browsers.agent(site["lena"], site["slug"]).go()
    hello = words("Who answers?")
    visitor.say(hello)
    for agent in (omar, lena):
        agent.open(hello)
    lena.composer.press_sequentially("Let me")
    expect(omar.page.get_by_text("Lena Novak is writing…")).to_be_visible(timeout=2 * LIVE)
    lena.reply(words("Let me see"))
    expect(omar.page.get_by_text("Lena Novak is writing…")).to_be_hidden(timeout=LIVE)


def test_a_comment_and_a_reply_go_without_scripts_too(browsers, site, visitor, omar):
    hello = words("No scripts")
    visitor.say(hello)
    expect(omar.row(hello)).to_be_visible()
    state = login_state(browsers, site["omar"])
    page = browsers.page(state=state, java_script_enabled=False)
    page.goto(omar.url)
    page.get_by_role("link", name=re.compile(hello)).click()
    answer = words("Plain answer")
    page.get_by_label("Your message", exact=True).fill(answer)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("log").get_by_text(answer)).to_be_visible()
    visitor.shows(answer, LIVE)


def test_more_of_a_long_list_is_loaded_on_demand(browsers):
    agent = browsers.agent("owner@demo.isflow.local", "demo").go()
    first = agent.rows.locator("li").count()
    assert first == 50
    agent.page.get_by_role("link", name="Load more").click()
    expect(agent.rows.locator("li").nth(first + 5)).to_be_attached()
    contacts = agent.rows.locator("li").evaluate_all("rows => rows.map((row) => row.dataset.contact)")
    assert len(contacts) == len(set(contacts))
    times = agent.rows.locator("li").evaluate_all("rows => rows.map((row) => Date.parse(row.dataset.at))")
    assert times == sorted(times, reverse=True)


def test_searching_finds_people_by_the_beginning_of_their_names(browsers):
    agent = browsers.agent("owner@demo.isflow.local", "demo").go("?status=open")
    name = agent.rows.locator("[data-field=name]").nth(3).inner_text()
    agent.page.get_by_role("searchbox").fill(name[:4])
    agent.page.get_by_role("searchbox").press("Enter")
    expect(agent.row(name).first).to_be_visible()
    agent.page.get_by_role("searchbox").fill("nobody-is-called-this")
    agent.page.get_by_role("searchbox").press("Enter")
    expect(agent.page.get_by_role("heading", name="Nobody found")).to_be_visible()


def test_contact_details_are_saved_on_the_spot(browsers, omar, visitor):
    browsers.allow("status of 400")
    hello = words("My name is wrong")
    visitor.say(hello)
    omar.open(hello)
    panel = omar.page.get_by_role("complementary", name="Contact")
    panel.get_by_label("First name").fill("Ada")
    panel.get_by_label("First name").press("Enter")
    expect(omar.page.get_by_role("heading", name="Ada")).to_be_visible()
    panel.get_by_label("E-mail").fill("nonsense")
    panel.get_by_label("E-mail").press("Enter")
    expect(panel.locator("[data-error=email]")).to_be_visible()
    expect(panel.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")
