from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import take

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

MAKE = Path(__file__).with_name("stopping.py").read_text(encoding="utf-8")
LIVE = 1_000
WORKFLOW = 3_000
"""Milliseconds within which the workflow answers."""


@pytest.fixture(scope="module")
def workflow(server, site):
    """A workflow that asks for the name and waits; its name. It ends with this module."""
    made = server.shell(MAKE.replace("the-slug", site["slug"]))["name"]
    yield made
    server.shell(
        "from workflows.models import Workflow\n"
        "from isflow.workspaces.scope import all_workspaces\n"
        "from workflows.services import workflow_stop\n"
        "from isflow.workspaces.scope import workspace_scope\n"
        "with all_workspaces():\n"
        f"    found = Workflow.objects.get(name={made!r}, workspace__slug={site['slug']!r})\n"
        "with workspace_scope(found.workspace_id):\n"
        "    workflow_stop(workflow=found)\n"
        "print('null')"
    )


def test_an_agent_stops_the_automation_for_one_contact(omar, visitor, workflow):
    hello = f"hello {uuid4().hex[:6]}"
    visitor.say(hello)
    visitor.shows("How may we call you?", WORKFLOW)
    omar.open("How may we call you?")
    panel = omar.page.get_by_role("complementary", name="Contact")
    ongoing = panel.get_by_role("tabpanel", name="Ongoing workflows")
    expect(ongoing.get_by_text(workflow)).to_be_visible()
    ongoing.get_by_role("button", name=f"Stop “{workflow}” for this contact").click()
    expect(omar.thread.get_by_text(re.compile("^Automation stopped by Omar"))).to_be_visible(timeout=LIVE)
    expect(ongoing.get_by_text("not in it")).to_be_visible()
    panel.get_by_role("tab", name="Recent runs").click()
    expect(panel.get_by_text(re.compile("Stopped by a user"))).to_be_visible()
    take(omar.page, "stop-for-contact")

    bubbles = visitor.bubbles("out").count()
    visitor.say("Ada")
    omar.shows("Ada", LIVE)
    omar.page.reload()
    expect(omar.thread.get_by_text(re.compile("^Automation stopped by Omar"))).to_be_visible()
    assert visitor.bubbles("out").count() == bubbles
