"""An event tells what happened, and every workflow's verdict in words."""

from __future__ import annotations

import pytest

from isflow.workspaces.models import Role
from tests.factories import make_member, make_workspace
from tests.factories_workflows import document, publish, walk, write
from tests.workflows.admin.conftest import EVENTS, RUNS
from workflows.models import Decision, Event, Run

SAY = ("say", "send_message", {"default": {"text": "Hello"}})
ASK = ("ask", "ask_question", {"text": "Your name?", "save": {"variable": "answer"}})
BY_USER = {"conditions": [{"category": "source", "operator": "eq", "values": ["user"]}]}


def page_of(event):
    return f"{EVENTS}{event.pk}/change/"


def event_of(shop, kind):
    with shop.scope():
        return Event.objects.filter(kind=kind).latest("pk")


def read(shop, event):
    reply = shop.client.get(page_of(event))
    assert reply.status_code == 200
    return reply


@pytest.fixture
def opened(shop):
    publish(shop.workspace, document("conversation_opened", ASK), "Greeting")
    publish(shop.workspace, document("conversation_opened", SAY, config=BY_USER), "For users")
    write(shop.channel, "Hi")
    walk()
    return event_of(shop, "conversation_opened")


def test_each_listener_s_verdict_is_told_with_its_version(shop, opened):
    reply = read(shop, opened)
    lines = {line.name: (line.verdict, line.why) for line in reply.context["verdicts"]}

    assert lines["Greeting · v1"] == ("Started.", "")
    verdict, why = lines["For users · v1"]
    assert verdict == "Not started: a condition of the trigger does not hold."
    assert why.startswith("Condition 1")
    with shop.scope():
        run = Run.objects.get()
    assert f"{RUNS}{run.pk}/change/" in reply.content.decode()
    assert "first_incoming_message" in reply.content.decode() or "source" in reply.content.decode()


def test_a_contact_inside_is_named_as_the_reason(shop, opened):
    with shop.scope():
        Decision.objects.filter(event=opened).update(
            verdicts=[[Run.objects.get().version_id, "already_in_workflow", None, ""]]
        )
    assert "already in this workflow" in read(shop, opened).content.decode()


def test_an_answer_leads_to_the_run_that_took_it(shop, opened):
    write(shop.channel, "Ada")
    walk()
    reply = read(shop, event_of(shop, "message_created"))
    with shop.scope():
        # The latest message may be our own; the answer is the contact's.
        answer = Decision.objects.filter(verdicts__icontains="answered").get().event
        run = Run.objects.get()
    reply = read(shop, answer)
    line = reply.context["verdicts"][0]
    assert (line.run, line.verdict) == (run, "Taken as the answer to a question.")
    assert f"{RUNS}{run.pk}/change/" in reply.content.decode()


def test_a_run_that_an_exit_condition_ended_is_named(shop, opened):
    with shop.scope():
        run = Run.objects.get()
        Decision.objects.filter(event=opened).update(verdicts=[[None, "run_ended", None, f"run {run.pk}"]])
    reply = read(shop, opened)
    line = reply.context["verdicts"][0]
    assert (line.run, line.name) == (run, "Greeting")
    assert "exit conditions" in line.verdict
    assert "Ended a run" in shop.client.get(f"{EVENTS}?kind=conversation_opened").content.decode()


def test_an_event_nobody_listens_to_says_so(shop, opened):
    text = read(shop, event_of(shop, "contact_created")).content.decode()
    assert "No published workflow listens" in text


def test_an_undecided_event_says_so(shop):
    write(shop.channel, "Hi")
    assert "Not decided yet" in read(shop, event_of(shop, "conversation_opened")).content.decode()
    assert "Waiting" in shop.client.get(EVENTS).content.decode()


@pytest.mark.parametrize(
    "verdicts",
    [
        [],
        {},
        "odd",
        [1],
        [["x", "odd", "y", None]],
        [[None, "answered", None, "run x"]],
        [[10**9, "started", 0, 7]],
    ],
)
def test_a_decision_of_any_shape_is_shown(shop, opened, verdicts):
    with shop.scope():
        Decision.objects.filter(event=opened).update(verdicts=verdicts)
        decision = Decision.objects.get(event=opened)
    read(shop, opened)
    assert shop.client.get(EVENTS).status_code == 200
    assert shop.client.get("/admin/workflows/decision/").status_code == 200
    assert shop.client.get(f"/admin/workflows/decision/{decision.pk}/change/").status_code == 200


def test_events_are_found_by_contact_kind_and_source(shop, opened):
    write(shop.channel, "Hi", sender="bob")

    def found(query):
        return {
            (str(event.contact), event.kind)
            for event in shop.client.get(f"{EVENTS}?{query}").context["cl"].result_list
        }

    assert {contact for contact, _kind in found("q=bob")} == {"Bob"}
    assert {kind for _contact, kind in found("kind=conversation_opened")} == {"conversation_opened"}
    assert {contact for contact, _kind in found("source=contact")} == {"Ada", "Bob"}
    assert found("source=zapier") == set()
    assert found("kind=x") == set()


def test_a_link_that_causes_a_chain_names_its_run(shop, opened):
    write(shop.channel, "Ada")
    walk()
    with shop.scope():
        caused = Event.objects.filter(run_id__isnull=False).first()
    text = read(shop, caused).content.decode()
    assert f"{RUNS}{caused.run_id}/change/" in text
    assert "Greeting" in text


def test_events_of_another_workspace_do_not_exist(shop, opened):
    shop.sign_in(make_member(make_workspace("beta"), Role.OWNER).user)
    assert shop.client.get(page_of(opened)).status_code == 404
    assert not shop.client.get(EVENTS).context["cl"].result_list


def test_an_event_is_never_written(shop, opened):
    assert shop.client.post(page_of(opened), {"kind": "x"}).status_code == 403
    assert shop.client.get(f"{EVENTS}add/").status_code == 403


@pytest.mark.rule("S002.module.menu")
def test_the_side_navigation_leads_to_workflows_runs_and_events(shop):
    groups = shop.client.get("/admin/").context["sidebar_navigation"]
    first = groups[0]
    titles = [item["title"] for item in first["items"]]
    assert first["title"] == "Workflows"
    assert [title for title in titles if title in {"Workflows", "Runs", "Events"}] == [
        "Workflows",
        "Runs",
        "Events",
    ]
    assert any(item["title"] == "Contacts" for group in groups for item in group["items"])
