"""What every page owes to people who do not see or point: names, labels, headings, focus, a clean console."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import PHONE, take

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

FINDINGS = Path(__file__).with_name("findings.js").read_text(encoding="utf-8")


def findings(page):
    return page.evaluate(FINDINGS)


def inner(visitor):
    return next(frame for frame in visitor.page.frames if "/frame" in frame.url)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [None, PHONE])
def test_inbox_and_widget_are_named_labelled_and_readable(browsers, site, viewport, scheme):
    options = {"viewport": viewport, "color_scheme": scheme}
    size = "390" if viewport else "1280"
    chat = browsers.embedded(site["token"], **options)
    chat.open()
    hello = f"Accessible? {uuid4().hex[:6]}"
    chat.say(hello)
    chat.shows(hello)
    assert findings(inner(chat)) == []
    take(chat.page, f"a11y-widget-{size}-{scheme}")

    agent = browsers.agent(site["omar"], site["slug"], **options).go()
    expect(agent.row(hello)).to_be_visible()
    assert findings(agent.page) == []
    take(agent.page, f"a11y-list-{size}-{scheme}")
    agent.open(hello)
    agent.reply("An answer")
    agent.shows("An answer")
    agent.composer.press("Escape")
    agent.page.keyboard.press("n")
    agent.reply("A comment")
    agent.shows("A comment")
    agent.page.wait_for_timeout(600)
    left = [
        entry for entry in findings(agent.page) if not (viewport and entry.startswith(("h1", "headings")))
    ]
    assert left == []
    take(agent.page, f"a11y-thread-{size}-{scheme}")


def test_the_widget_is_a_named_dialog_worked_by_keyboard(browsers, site):
    page = browsers.embedded(site["token"]).page
    launcher = page.get_by_role("button", name="Open chat")
    expect(launcher).to_have_attribute("aria-expanded", "false")
    expect(page.get_by_role("dialog")).to_have_count(0)
    launcher.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Larkspur")).to_be_visible()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_label("Your message")).to_be_focused()
    expect(frame.get_by_role("log", name="Conversation")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(launcher).to_be_focused()


def test_news_is_spoken_once(browsers, site):
    agent = browsers.agent(site["omar"], site["slug"]).go()
    chat = browsers.embedded(site["token"])
    chat.open()
    hello, news = f"Hello {uuid4().hex[:6]}", f"News {uuid4().hex[:6]}"
    chat.say(hello)
    agent.open(hello)
    chat.say(news)
    expect(agent.page.locator("#inbox-announcer")).to_have_text(re.compile(news))
    expect(agent.thread).to_have_attribute("aria-live", "off")


def test_the_demo_shop_is_named_and_readable(browsers):
    page = browsers.visitor("/demo/").page
    assert findings(page) == []
    take(page, "demo-1280")
