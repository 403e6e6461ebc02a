"""A whole isflow in one process and real browsers around it.

``ISFLOW_E2E_URL`` names a server that already runs; ``ISFLOW_E2E_DATA`` is then its data folder and
``ISFLOW_E2E_SETTINGS`` its settings. Screenshots go to ``ISFLOW_E2E_SHOTS`` (default: artefacts/e2e).
"""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.harness.servers import ROOT, embedded

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"]
SHOTS = Path(os.environ.get("ISFLOW_E2E_SHOTS", ROOT / "artefacts" / "e2e"))
SITE = Path(__file__).with_name("site.py").read_text(encoding="utf-8")
PASSWORD = "demo-isflow"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 8_000


class Server:
    """The running isflow: its address, and the way to its database."""

    def __init__(self, url, env):
        self.url, self.env = url, env

    def shell(self, code):
        """Run code in ``manage.py shell`` and return what it printed last, as JSON."""
        done = subprocess.run(
            [sys.executable, "manage.py", "shell", "-v0", "-c", code],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-3000:])
        return json.loads(done.stdout.strip().splitlines()[-1])


def server_env(**more):
    """Return the environment of a server of our own."""
    wanted = {"PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH"}
    kept = {name: value for name, value in os.environ.items() if name in wanted}
    settings = os.environ.get("ISFLOW_E2E_SETTINGS", "isflow.settings.dev")
    return {**kept, "DJANGO_SETTINGS_MODULE": settings, **more}


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Start isflow with its demo workspace, once for all tests."""
    if url := os.environ.get("ISFLOW_E2E_URL"):
        yield Server(url.rstrip("/"), server_env(ISFLOW_DATA_DIR=os.environ["ISFLOW_E2E_DATA"]))
        return
    folder = tmp_path_factory.mktemp("isflow")
    env = server_env(ISFLOW_DATA_DIR=str(folder))
    with embedded(folder=folder, env=env, arguments=("--demo",)) as (_process, url):
        yield Server(url, {**env, "PUBLIC_URL": url})


@pytest.fixture(scope="session")
def site(server):
    """Make a workspace without any workflow: Omar and Lena, a chat channel, two closing categories."""
    return server.shell(SITE)


class ShopPage(BaseHTTPRequestHandler):
    """Somebody's website: one script tag, with the address given in the query."""

    def do_GET(self):
        source = html.escape(parse_qs(urlsplit(self.path).query).get("src", [""])[0])
        page = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Shop</title>'
            '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
            f'<h1>Shop</h1><script src="{source}" async></script></html>'
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_args):
        """Say nothing."""


@pytest.fixture(scope="session")
def shop():
    """Serve a website of another origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), ShopPage) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://localhost:{web.server_address[1]}"
        web.shutdown()


@pytest.fixture(scope="session")
def chromium():
    """Start one browser for all tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


class Visitor:
    """The chat as a visitor's page shows it."""

    def __init__(self, page):
        self.page = page
        self.frame = page.frame_locator("iframe")
        self.log = self.frame.get_by_role("log")

    def open(self):
        self.page.get_by_role("button", name=re.compile("^Open chat")).click()
        expect(self.field).to_be_focused()

    @property
    def field(self):
        return self.frame.get_by_label("Your message")

    def say(self, text):
        self.field.fill(text)
        self.field.press("Enter")

    def bubbles(self, side="in, .out"):
        return self.log.locator(f".item:is(.{side}) .text")

    def shows(self, text, timeout=PATIENCE_MS):
        expect(self.log.get_by_text(text, exact=True).last).to_be_visible(timeout=timeout)


class Agent:
    """The inbox as a member sees it."""

    def __init__(self, page, url):
        self.page, self.url = page, url
        self.rows = page.locator("[data-rows]")
        self.thread = page.get_by_role("log", name="Messages")
        self.composer = page.get_by_label("Your message", exact=True)

    def go(self, path=""):
        self.page.goto(self.url + path)
        return self

    def row(self, text):
        return self.rows.locator("li", has_text=text)

    def open(self, text):
        self.row(text).get_by_role("link").click()
        expect(self.composer).to_be_visible()

    def reply(self, text):
        self.composer.fill(text)
        self.composer.press("Enter")

    def shows(self, text, timeout=PATIENCE_MS):
        expect(self.thread.get_by_text(text, exact=True).last).to_be_visible(timeout=timeout)


class Browsers:
    """Opens pages whose console must stay clean, and closes them."""

    def __init__(self, chromium, server, shop):
        self.chromium, self.server, self.shop = chromium, server, shop
        self.contexts, self.complaints, self.ignored = [], [], []

    def page(self, viewport=None, state=None, **options):
        viewport = viewport or DESKTOP
        context = self.chromium.new_context(
            viewport=viewport, storage_state=state, locale="en-GB", reduced_motion="reduce", **options
        )
        context.set_default_timeout(PATIENCE_MS)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def visitor(self, path="/demo/", **options):
        page = self.page(**options)
        page.goto(self.server.url + path)
        return Visitor(page)

    def embedded(self, token, **options):
        """A page of another origin that embeds the widget with one script tag."""
        page = self.page(**options)
        page.goto(f"{self.shop}/?src={quote(f'{self.server.url}/widget/{token}.js')}")
        return Visitor(page)

    def agent(self, email, slug, **options):
        page = self.page(state=login_state(self, email), **options)
        return Agent(page, f"{self.server.url}/w/{slug}/inbox/")

    def allow(self, *texts):
        """Say which complaints of the console a test provokes on purpose."""
        self.ignored += texts

    def _said(self, message):
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def close(self):
        for context in self.contexts:
            context.close()
        left = [text for text in self.complaints if not any(known in text for known in self.ignored)]
        assert not left, left


_states = {}


def login_state(browsers, email):
    """Sign in once for each person."""
    key = (browsers.server.url, email)
    if key not in _states:
        page = browsers.page()
        page.goto(f"{browsers.server.url}/accounts/login/")
        page.locator("[name=login]").fill(email)
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("[name=password]").press("Enter")
        page.wait_for_url(re.compile(r"/w/"))
        _states[key] = page.context.storage_state()
    return _states[key]


@pytest.fixture
def browsers(chromium, server, shop):
    """Open pages; at the end none may have complained on its console."""
    opened = Browsers(chromium, server, shop)
    yield opened
    opened.close()


@pytest.fixture
def omar(browsers, site):
    return browsers.agent(site["omar"], site["slug"]).go()


@pytest.fixture
def visitor(browsers, site):
    chat = browsers.embedded(site["token"])
    chat.open()
    return chat


@contextmanager
def shot(page, name):
    """Take a picture after the block, whatever it did."""
    try:
        yield
    finally:
        take(page, name)


def take(page, name):
    """Keep a picture of a page for people to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")
