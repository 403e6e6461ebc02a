"""The story of the first page of the manual: a visitor, a published workflow, an agent who takes over."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import take

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

LIVE = 1_000
WORKFLOW = 3_000
"""Milliseconds within which the workflow answers."""


@pytest.fixture
def demo(browsers):
    """Omar's inbox in the demo workspace, and a visitor of the demo shop."""
    omar = browsers.agent("omar@demo.isflow.local", "demo").go()
    visitor = browsers.visitor("/demo/")
    visitor.open()
    return omar, visitor


def test_a_visitor_is_answered_by_the_workflow_and_then_by_omar(demo):
    omar, visitor = demo
    hello = f"hello {uuid4().hex[:6]}"
    visitor.say(hello)
    expect(omar.row(hello).or_(omar.rows.locator("li").first)).to_be_visible(timeout=WORKFLOW)
    expect(visitor.bubbles("out").filter(has_text=re.compile("e-?mail", re.IGNORECASE)).first).to_be_visible(
        timeout=WORKFLOW
    )
    omar.rows.locator("li").first.get_by_role("link").click()
    omar.shows(hello)
    expect(omar.thread.get_by_text(re.compile("^Workflow: ")).first).to_be_attached()
    asked = visitor.bubbles("out").count()
    expect(omar.thread.locator(".message.out")).to_have_count(asked)

    visitor.say("abc")
    omar.shows("abc", LIVE)
    expect(visitor.bubbles("out").nth(asked)).to_be_visible(timeout=WORKFLOW)

    address = f"a{uuid4().hex[:6]}@b.co"
    visitor.say(address)
    omar.shows(address, LIVE)
    panel = omar.page.get_by_role("complementary", name="Contact")
    expect(panel.get_by_label("E-mail")).to_have_value(address, timeout=WORKFLOW)
    expect(panel.get_by_text("newsletter")).to_be_visible(timeout=WORKFLOW)

    expect(omar.thread.get_by_text(re.compile("Assigned to Omar"))).to_be_visible(timeout=15_000)
    take(omar.page, "story-assigned")
    answer = f"Hi, Omar here. {uuid4().hex[:6]}"
    omar.reply(answer)
    visitor.shows(answer, LIVE)
    thanks = f"thanks {uuid4().hex[:6]}"
    visitor.say(thanks)
    omar.shows(thanks, LIVE)
    take(visitor.page, "story-widget")
    close(omar)
    take(omar.page, "story-closed")


def close(omar):
    """Close with category and summary, whatever the workspace asks for."""
    page = omar.page
    summary = f"Wanted the newsletter {uuid4().hex[:6]}"
    page.locator("[data-dialog=close-dialog]").click()
    dialog = page.get_by_role("dialog", name="Close the conversation")
    category = dialog.get_by_label("Category").locator("option").nth(1)
    name = category.inner_text()
    dialog.get_by_label("Category").select_option(index=1)
    dialog.get_by_label("Summary").fill(summary)
    dialog.get_by_role("button", name="Close conversation").click()
    expect(omar.thread.get_by_text(re.compile("^Conversation closed by Omar"))).to_be_visible(timeout=LIVE)
    omar.shows(summary, LIVE)
    omar.shows(name, LIVE)
    # The workflow “After closing” hears of it and leaves a comment.
    omar.shows(f"Closed as {name}: {summary}", WORKFLOW)
