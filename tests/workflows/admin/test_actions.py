"""Publish, stop, clone, delete, a new address: each asks first, and says clearly what keeps it from it."""

from __future__ import annotations

import pytest

from isflow.kernel.errors import NotFound
from isflow.workspaces.models import Role
from tests.factories import make_member, make_workspace
from tests.factories_workflows import document, publish, walk, write
from tests.workflows.admin.conftest import LIST
from workflows.admin import actions
from workflows.models import Run, Workflow, WorkflowVersion
from workflows.services import workflow as service
from workflows.services import workflow_publish, workflow_regenerate_webhook

GOOD = document("conversation_opened", ("say", "send_message", {"default": {"text": "Hello"}}))
WAITING = document(
    "conversation_opened",
    ("ask", "ask_question", {"text": "Your name?", "save": {"variable": "answer"}}),
)
ACTIONS = ["publish", "stop", "clone", "regenerate", "delete"]


def url(workflow, action):
    return f"{LIST}{workflow.pk}/{action}/"


def go(shop, workflow, action):
    return shop.client.post(url(workflow, action), {"go": "1"}, follow=True)


def said(reply):
    return [str(message) for message in reply.context["messages"]]


@pytest.mark.rule("S002.delete.confirm")
@pytest.mark.parametrize("action", ACTIONS)
def test_looking_at_a_question_changes_nothing(shop, action):
    workflow = shop.make(draft=GOOD)
    before = shop.fresh(workflow)

    assert shop.client.get(url(workflow, action)).status_code == 200

    after = shop.fresh(workflow)
    assert (after.status, after.webhook_token) == (before.status, before.webhook_token)
    with shop.scope():
        assert Workflow.objects.count() == 1


def test_publishing_makes_a_version_and_names_who_did_it(shop):
    workflow = shop.make(draft=GOOD)
    reply = go(shop, workflow, "publish")

    assert said(reply) == ["“Welcome” is published as version 1."]
    stored = shop.fresh(workflow)
    assert stored.is_published
    assert stored.published_by == shop.owner


def test_errors_keep_it_from_being_published_and_are_listed(shop):
    bad = document("conversation_opened", ("say", "send_message", {"default": {"text": ""}}))
    workflow = shop.make(draft=bad)
    reply = go(shop, workflow, "publish")

    assert reply.status_code == 409
    assert "Step say, default.text: " in reply.content.decode()
    assert not shop.fresh(workflow).is_published


def test_a_loop_is_shown_with_its_path(shop):
    draft = document(
        "conversation_closed",
        ("close", "close_conversation", {}),
    )
    workflow = shop.make("Circle", draft=draft)
    reply = go(shop, workflow, "publish")

    assert reply.status_code == 409
    text = reply.content.decode()
    assert "Workflow loop detected" in text
    assert "Circle" in text


def test_stopping_names_the_people_inside_and_takes_them_out(shop):
    workflow = publish(shop.workspace, WAITING, "Welcome")
    write(shop.channel, "Hi")
    walk()
    page = shop.client.get(url(workflow, "stop"))
    assert "1 contact is inside" in page.content.decode()

    reply = go(shop, workflow, "stop")

    assert said(reply) == ["“Welcome” is stopped. 1 contact was taken out."]
    with shop.scope():
        run = Run.objects.get()
        assert (run.status, run.end_reason) == ("ended", "stopped_workflow")
    assert shop.fresh(workflow).status == "stopped"


@pytest.mark.parametrize(("action", "why"), [("stop", "not published"), ("publish", "already published")])
def test_what_makes_no_sense_is_refused(shop, action, why):
    workflow = shop.make(draft=GOOD)
    if action == "publish":
        with shop.scope():
            workflow_publish(workflow=workflow)
    reply = go(shop, workflow, action)
    assert why in reply.content.decode()


def test_a_clone_is_a_draft_of_its_own(shop):
    workflow = publish(shop.workspace, GOOD, "Welcome")
    reply = go(shop, workflow, "clone")

    assert said(reply) == ["“Welcome clone” was made as a draft."]
    with shop.scope():
        copy = Workflow.objects.get(name="Welcome clone")
        assert (copy.status, copy.draft, copy.created_by) == ("draft", GOOD, shop.owner)
        assert copy.webhook_token != workflow.webhook_token


def test_a_published_workflow_is_not_deleted(shop):
    workflow = publish(shop.workspace, GOOD, "Welcome")
    page = shop.client.get(url(workflow, "delete")).content.decode()
    assert "Stop it first" in page
    assert url(workflow, "stop") in page

    go(shop, workflow, "delete")
    assert shop.fresh(workflow).is_published


def test_a_stopped_workflow_is_deleted_with_its_history(shop):
    workflow = publish(shop.workspace, WAITING, "Welcome")
    write(shop.channel, "Hi")
    walk()
    go(shop, workflow, "stop")
    reply = go(shop, workflow, "delete")

    assert said(reply) == ["“Welcome” was deleted."]
    with shop.scope():
        assert not Workflow.objects.exists()
        assert not Run.objects.exists()
        assert not WorkflowVersion.objects.exists()


def test_a_new_address_replaces_the_old_one(shop):
    workflow = shop.make(draft=GOOD)
    page = shop.client.get(f"{LIST}{workflow.pk}/change/").content.decode()
    assert f"/hooks/workflow/{shop.workspace.public_id}/{workflow.webhook_token}" in page

    go(shop, workflow, "regenerate")

    assert shop.fresh(workflow).webhook_token != workflow.webhook_token


@pytest.mark.rule("S002.module.listing", "S002.module.actions")
def test_the_list_shows_state_people_and_what_may_be_done(shop, django_assert_num_queries):
    published = publish(shop.workspace, WAITING, "Greeting")
    shop.make("Later")
    write(shop.channel, "Hi")
    walk()
    text = shop.client.get(LIST).content.decode()

    assert "Greeting" in text
    assert url(published, "stop") in text
    assert url(published, "publish") not in text
    assert "Stop it first" in text
    assert [row.people for row in shop.client.get(LIST).context["cl"].result_list] == [0, 1]


@pytest.mark.rule("S002.module.search")
def test_the_list_is_searched_and_filtered(shop):
    publish(shop.workspace, GOOD, "Greeting")
    shop.make("Later")

    def names(query):
        return [row.name for row in shop.client.get(f"{LIST}?{query}").context["cl"].result_list]

    assert names("q=greet") == ["Greeting"]
    assert names("status__exact=draft") == ["Later"]
    assert names("") == ["Later", "Greeting"]


def queries(shop, address, django_assert_max_num_queries):
    with django_assert_max_num_queries(40) as counted:
        assert shop.client.get(address).status_code == 200
    return len(counted.captured_queries)


def test_the_list_takes_as_many_queries_for_one_as_for_many(shop, django_assert_max_num_queries):
    shop.make("First", draft=GOOD)
    shop.client.get(LIST)
    few = queries(shop, LIST, django_assert_max_num_queries)
    for number in range(8):
        publish(shop.workspace, GOOD, f"More {number}")
    assert queries(shop, LIST, django_assert_max_num_queries) == few


def test_the_reference_tells_every_type_and_the_ids_of_this_workspace(shop):
    shop.make("Named")
    text = shop.client.get(f"{LIST}reference/").content.decode()
    for expected in (
        "send_message",
        "default.text",
        "branches[].conditions[].operator",
        "Named",
        "incoming_webhook",
    ):
        assert expected in text, expected


@pytest.mark.parametrize("action", [*ACTIONS, "change"])
def test_a_workflow_of_another_workspace_does_not_exist(shop, action):
    other = make_workspace("beta")
    foreign = publish(other, GOOD, "Foreign")
    reply = shop.client.post(url(foreign, action), {"go": "1", "name": "Stolen"})

    assert reply.status_code in {302, 404}
    assert b"Foreign" not in shop.client.get(LIST).content
    shop.workspace = other
    assert (shop.fresh(foreign).name, shop.fresh(foreign).status) == ("Foreign", "published")
    with shop.scope():
        assert Workflow.objects.count() == 1


@pytest.mark.rule("S002.module.access")
@pytest.mark.parametrize("action", [*ACTIONS, "change"])
def test_an_agent_reaches_none_of_it(shop, action):
    workflow = shop.make(draft=GOOD)
    shop.sign_in(make_member(shop.workspace, Role.AGENT).user)

    for reply in (
        shop.client.get(url(workflow, action)),
        shop.client.post(url(workflow, action), {"go": "1"}),
    ):
        assert reply.status_code in {302, 403}
    assert shop.fresh(workflow).status == "draft"
    assert shop.client.get(LIST).status_code in {302, 403}


@pytest.mark.parametrize("number", ["0", "999999", "9" * 18, "9" * 40])
def test_a_number_that_nobody_has_is_not_found(shop, number):
    for action in ACTIONS:
        assert shop.client.get(f"{LIST}{number}/{action}/").status_code in {302, 404}


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("publish", "already published"),
        ("stop", "not published"),
        ("delete", "has been deleted"),
    ],
)
def test_whoever_comes_second_is_told_so(shop, monkeypatch, action, answer):
    """Both have read the workflow before either of them acts, as on a double click."""
    workflow = shop.make(draft=GOOD)
    if action == "stop":
        go(shop, workflow, "publish")
    once = getattr(actions, f"workflow_{action}")

    def twice(**values):
        once(**values)
        return once(**values)

    monkeypatch.setattr(actions, f"workflow_{action}", twice)
    reply = go(shop, workflow, action)
    assert reply.status_code == 409
    assert answer in reply.content.decode()


def test_a_deleted_workflow_gets_no_new_address(shop):
    workflow = shop.make(draft=GOOD)
    with shop.scope():
        Workflow.objects.all().delete()
        with pytest.raises(NotFound):
            workflow_regenerate_webhook(workflow=workflow)


def test_two_clones_at_once_do_not_end_in_an_error_page(shop, monkeypatch):
    """Both look for a free name before either of them takes it."""
    workflow = shop.make(draft=GOOD)
    shop.make("Welcome clone")
    look = service._refuse_taken
    looked = []

    def look_too_early(name):
        if looked:
            look(name)
        looked.append(name)

    monkeypatch.setattr(service, "_free_name", lambda wanted: wanted)
    monkeypatch.setattr(service, "_refuse_taken", look_too_early)
    reply = go(shop, workflow, "clone")
    assert reply.status_code == 409
    assert "is taken" in reply.content.decode()
