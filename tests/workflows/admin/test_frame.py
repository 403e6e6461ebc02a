"""What every page of the admin owes to people who do not see it: one landmark, headings without a gap."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from tests.factories import make_user
from tests.workflows.troubles import asked, quarantine, unknown_call, unknown_message


def has_main(text):
    return text.count("<main") == text.count("</main>") == 1


def check(reply):
    text = reply.content.decode()
    assert has_main(text)
    # The theme names the page in its header, as the only h1.
    levels = [1, *(int(level) for level in re.findall(r"<h([2-6])", text[text.index("<main") :]))]
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels


@pytest.fixture
def run(shop):
    _, found = asked(shop.workspace, shop.channel)
    unknown_message(shop.workspace)
    unknown_call(shop.workspace, found)
    return found


@pytest.mark.parametrize("kind", ["messages", "calls", "runs"])
def test_needs_attention(shop, run, kind):
    quarantine(shop.workspace, run)
    check(shop.client.get("/admin/workflows/trouble/", {"kind": kind}))


@pytest.mark.parametrize("page", ["workflow", "run", "event", "why"])
def test_lists(shop, run, page):
    assert has_main(shop.client.get(f"/admin/workflows/{page}/").content.decode())


def test_a_run_and_its_event(shop, run):
    check(shop.client.get(f"/admin/workflows/run/{run.pk}/change/"))
    check(shop.client.get(f"/admin/workflows/run/{run.pk}/stop/"))
    check(shop.client.get(f"/admin/workflows/event/{run.event_id}/change/"))
    check(shop.client.get("/admin/workflows/workflow/reference/"))


def test_the_engine_room(shop, run):
    shop.sign_in(make_user("root@example.org", is_superuser=True, is_staff=True))
    check(shop.client.get("/admin/workflows/timer/"))
    check(shop.client.get(f"/admin/workflows/timer/{run.pk}/change/"))
