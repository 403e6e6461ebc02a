from __future__ import annotations

import pytest

from conversations.thread import thread_items
from isflow.workspaces.models import AuditEntry, Role
from tests.factories import make_member, make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import looking
from tests.workflows.troubles import ASKING, asked
from workflows.models import Workflow
from workflows.services import workflow_create

pytestmark = pytest.mark.django_db


class Shop:
    """A workspace, one contact inside a workflow that may be stopped, and a browser."""

    def __init__(self, client):
        self.client = client
        self.workspace = make_workspace()
        self.channel = make_channel(self.workspace, kind="web_chat")
        self.workflow, self.run = asked(self.workspace, self.channel)
        self.allow(True)

    def allow(self, value):
        with looking(self.workspace):
            Workflow.objects.update(allow_stop_for_contact=value)

    def sign_in(self, role=Role.AGENT, **values):
        member = make_member(self.workspace, role, **values)
        self.client.force_login(member.user, backend="django.contrib.auth.backends.ModelBackend")
        return member.user

    @property
    def url(self):
        return f"/w/{self.workspace.slug}/contacts/{self.run.contact_id}/workflows/"

    def page(self):
        return self.client.get(self.url).content.decode()

    def stop(self):
        return self.client.post(f"{self.url}{self.run.pk}/stop/")

    def state(self):
        with looking(self.workspace):
            self.run.refresh_from_db()
        return self.run.status


@pytest.fixture
def shop(client):
    return Shop(client)


@pytest.mark.rule("S002.stop_for_contact.stop")
def test_an_agent_sees_which_workflow_the_contact_is_in_and_stops_it(shop):
    agent = shop.sign_in()
    text = shop.page()
    assert shop.workflow.name in text
    assert "at “ask”" in text
    assert f"{shop.run.pk}/stop/" in text
    assert shop.stop().json() == {"stopped": shop.run.pk}
    assert shop.state() == "ended"
    assert shop.run.end_reason == "stopped_by_user"
    entry = AuditEntry.objects.get(action="run.stopped")
    assert entry.user == agent
    assert "Stopped by a user" in shop.page()


def test_the_thread_tells_who_stopped_the_automation(shop):
    agent = shop.sign_in()
    shop.stop()
    with looking(shop.workspace):
        [line] = [item for item in thread_items(shop.run.contact).items if item.type == "line"][-1:]
    assert (line.event, line.by, line.summary) == ("automation_stopped", agent.name, shop.workflow.name)
    inbox = shop.client.get(f"/w/{shop.workspace.slug}/inbox/{shop.run.contact_id}/")
    assert f"Automation stopped by {agent.name}" in inbox.content.decode()


@pytest.mark.rule("S002.stop_for_contact.list")
def test_workflows_the_contact_is_not_in_are_listed_without_a_stop(shop):
    shop.sign_in()
    shop.stop()
    text = shop.page()
    assert shop.workflow.name in text
    assert "not in it" in text
    assert "/stop/" not in text


@pytest.mark.rule("S002.stop_for_contact.setting")
def test_workflows_without_the_setting_or_not_published_are_not_listed(shop):
    shop.sign_in()
    with looking(shop.workspace):
        draft = workflow_create(name="Only a draft", draft=ASKING)
        Workflow.objects.filter(pk=draft.pk).update(allow_stop_for_contact=True)
    assert "Only a draft" not in shop.page()
    shop.allow(False)
    text = shop.page()
    assert "No published workflow may be stopped from here." in text
    answer = shop.stop()
    assert answer.status_code == 409
    assert shop.state() == "waiting"


def test_a_run_is_stopped_once(shop):
    shop.sign_in()
    shop.stop()
    answer = shop.stop()
    assert (answer.status_code, answer.json()) == (409, {"message": "This run has already ended."})


def test_a_restricted_agent_gets_nothing(shop):
    shop.sign_in(restrictions=["restrict_workflows"])
    assert shop.client.get(shop.url).status_code == 403
    assert shop.stop().status_code == 403
    assert shop.state() == "waiting"


def test_contacts_out_of_sight_and_foreign_runs_do_not_exist(shop):
    shop.sign_in(restrictions=["show_only_mine"])
    assert shop.client.get(shop.url).status_code == 404
    assert shop.stop().status_code == 404
    assert shop.state() == "waiting"


def test_the_run_must_be_the_contacts(shop):
    shop.sign_in()
    _, other = asked(shop.workspace, shop.channel, sender="bob", workflow=shop.workflow)
    answer = shop.client.post(f"{shop.url}{other.pk}/stop/")
    assert answer.status_code == 404


def test_stopping_needs_a_post_and_a_login(shop):
    assert shop.client.get(shop.url).status_code == 302
    shop.sign_in()
    assert shop.client.get(f"{shop.url}{shop.run.pk}/stop/").status_code == 405


def test_agents_see_no_links_into_the_admin(shop):
    shop.sign_in()
    assert "/admin/" not in shop.page()


def test_managers_are_led_to_the_reasons(shop):
    shop.sign_in(Role.MANAGER)
    assert f"/admin/workflows/why/?contact={shop.run.contact_id}" in shop.page()


@pytest.mark.rule("S002.stop_for_contact.restricted")
def test_the_inbox_has_a_place_for_it_where_it_is_allowed(shop):
    shop.sign_in()
    inbox = f"/w/{shop.workspace.slug}/inbox/{shop.run.contact_id}/"
    assert f'data-workflows="{shop.url}"' in shop.client.get(inbox).content.decode()
    shop.sign_in(restrictions=["restrict_workflows"])
    assert "data-workflows" not in shop.client.get(inbox).content.decode()


def test_the_notice_leads_to_the_list(shop):
    shop.sign_in(Role.MANAGER)
    answer = shop.client.get(f"/w/{shop.workspace.slug}/attention/")
    assert answer["Location"] == "/admin/workflows/trouble/"
    shop.sign_in()
    assert shop.client.get(f"/w/{shop.workspace.slug}/attention/").status_code == 403
