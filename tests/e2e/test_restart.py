"""The server goes and comes back while two browsers talk: nothing is lost, nothing doubled."""

from __future__ import annotations

from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import SITE, Browsers, Server, server_env
from tests.harness.servers import embedded, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

BACK = 40_000
"""Milliseconds within which browsers find the server again."""


def words(text):
    return f"{text} {uuid4().hex[:6]}"


def test_a_restart_in_the_middle_of_a_talk_loses_and_doubles_nothing(chromium, shop, tmp_path):
    port = free_port()
    env = server_env(ISFLOW_DATA_DIR=str(tmp_path))
    before, during, answer = words("Before"), words("During"), words("After all")
    with embedded(port=port, folder=tmp_path, env=env) as (_process, url):
        site = Server(url, env).shell(SITE)
        browsers = Browsers(chromium, Server(url, env), shop)
        browsers.allow("net::", "WebSocket", "Failed to fetch")
        visitor = browsers.embedded(site["token"])
        visitor.open()
        visitor.say(before)
        omar = browsers.agent(site["omar"], site["slug"]).go()
        omar.open(before)
    visitor.say(during)
    omar.reply(answer)
    expect(visitor.frame.get_by_role("button", name="Try again")).to_be_visible()
    expect(omar.page.get_by_role("button", name="Try again")).to_be_visible()
    with embedded(port=port, folder=tmp_path, env=env):
        visitor.frame.get_by_role("button", name="Try again").click()
        omar.page.get_by_role("button", name="Try again").click()
        visitor.shows(answer, BACK)
        omar.shows(during, BACK)
        expect(visitor.bubbles()).to_have_count(3)
        expect(omar.thread.locator(".message")).to_have_count(3)
        again = words("Live again")
        visitor.page.wait_for_timeout(1_000)
        visitor.say(again)
        omar.shows(again, BACK)
        browsers.close()
