"""A run is read step by step, found by its contact, and stopped by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.utils import timezone

from isflow.workspaces.models import AuditEntry, Role
from tests.factories import make_member, make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import document, only_run, publish, walk, write
from tests.workflows.admin.conftest import EVENTS, LIST, RUNS
from workflows.admin import words
from workflows.admin.inspector import PAGE
from workflows.models import Run, StepExecution, Wait
from workflows.services import run_stop

ASKING = document(
    "conversation_opened",
    ("greet", "send_message", {"default": {"text": "Hello $contact.firstname"}}),
    (
        "ask",
        "ask_question",
        {"text": "Your <b>e-mail</b>?", "question_type": "email", "save": {"variable": "mail"}},
    ),
    ("note", "add_comment", {"text": "Mail: $mail"}),
)
RECORDS = ["workflowversion", "decision", "wait", "enrolment", "stepexecution"]


def page_of(run):
    return f"{RUNS}{run.pk}/change/"


@pytest.fixture
def asked(shop):
    publish(shop.workspace, ASKING, "Welcome")
    write(shop.channel, "Hi")
    walk()
    return only_run(shop.workspace)


def test_a_waiting_run_shows_where_it_stands(shop, asked):
    reply = shop.client.get(page_of(asked))
    text = reply.content.decode()
    run = reply.context["run"]

    assert [(step.row.step_id, step.outlet, step.target) for step in run.steps] == [
        ("greet", "Next", "ask"),
        ("ask", "", ""),
    ]
    assert run.standing == "ask"
    assert "Waiting for an answer" in text
    assert "Your &lt;b&gt;e-mail" in text
    assert "Conversation opened" in text
    assert f"{RUNS}{asked.pk}/stop/" in text


def test_an_answered_run_shows_the_answer_and_why_it_ended(shop, asked):
    write(shop.channel, "no address")
    write(shop.channel, "ada@example.org")
    walk()
    reply = shop.client.get(page_of(asked))
    text = reply.content.decode()

    assert "The contact answered: “no address”" in text
    assert "Left by “Failure”, where no step follows." in text
    assert reply.context["run"].variables == ()
    assert "/stop/" not in text


def test_variables_are_shown_while_the_run_goes_on(shop, asked):
    with shop.scope():
        Run.objects.update(variables={"mail": "a@b.example", "#ask.attempt": 1, "list": [1], "none": None})
    shown = {entry.name: entry.value for entry in shop.client.get(page_of(asked)).context["run"].variables}

    assert shown == {"mail": "a@b.example", "list": "[\n  1\n]", "none": words.NOTHING}


def test_a_child_leads_to_its_parent_and_back(shop):
    child = publish(
        shop.workspace,
        document("manual", ("pause", "wait", {"duration": {"value": 1, "unit": "minutes"}})),
        "Child",
    )
    publish(
        shop.workspace,
        document("conversation_opened", ("go", "trigger_workflow", {"workflow": {"id": child.pk}})),
        "Parent",
    )
    write(shop.channel, "Hi")
    walk()
    with shop.scope():
        first, second = Run.objects.order_by("pk")

    assert page_of(second) in shop.client.get(page_of(first)).content.decode()
    text = shop.client.get(page_of(second)).content.decode()
    assert page_of(first) in text
    assert "Started by another workflow" in text


def test_a_run_is_stopped_by_hand_and_that_is_on_record(shop, asked):
    stop = f"{RUNS}{asked.pk}/stop/"
    assert shop.client.get(stop).status_code == 200
    assert only_run(shop.workspace).status == "waiting"

    reply = shop.client.post(stop, {"go": "1"}, follow=True)

    assert "is stopped for Ada" in str(next(iter(reply.context["messages"])))
    assert "Somebody stopped this run." in reply.content.decode()
    run = only_run(shop.workspace)
    assert (run.status, run.end_reason) == ("ended", "stopped_by_user")
    with shop.scope():
        assert Wait.objects.get().status == "cancelled"
        assert AuditEntry.objects.get(action="run.stopped").details["run"] == run.pk
    assert "already ended" in shop.client.post(stop, {"go": "1"}).content.decode()


def test_stopping_a_run_twice_is_a_conflict(shop, asked):
    with shop.scope():
        run_stop(run=asked)
        with pytest.raises(Exception, match="already ended"):
            run_stop(run=asked)


def test_runs_are_found_by_contact_and_by_number(shop, asked):
    write(shop.channel, "Hi", sender="bob")
    walk()

    def found(query):
        return {str(run.contact) for run in shop.client.get(f"{RUNS}?{query}").context["cl"].result_list}

    assert found("") == {"Ada", "Bob"}
    assert found("q=bob") == {"Bob"}
    assert "Ada" in found(f"q={asked.pk}")
    assert "Ada" in found(f"q=%23{asked.pk}")
    assert found("q=nobody") == set()
    assert found(f"q={'9' * 50}") == set()
    assert found("q=" + "a+" * 2000) <= {"Ada", "Bob"}
    assert found("q=%00") == {"Ada", "Bob"}
    assert found("state=active") == {"Ada", "Bob"}
    assert found("state=ended") == set()
    assert found("reason=completed") == set()
    assert found("reason=no_next_step") == set()
    assert found(f"workflow={asked.workflow_id}") == {"Ada", "Bob"}
    assert found("workflow=999") == set()
    assert found("workflow=x") == set()


def test_lists_are_not_counted(shop, asked, django_assert_max_num_queries):
    for address in (RUNS, EVENTS):
        with django_assert_max_num_queries(40) as counted:
            shop.client.get(address)
        ours = [row["sql"] for row in counted.captured_queries if "workflows_" in row["sql"]]
        assert not [sql for sql in ours if "COUNT(" in sql.upper()]


@pytest.mark.parametrize("address", [RUNS, EVENTS, *(f"/admin/workflows/{name}/" for name in RECORDS)])
def test_lists_take_as_many_queries_for_one_as_for_many(shop, asked, django_assert_max_num_queries, address):
    def count():
        with django_assert_max_num_queries(40) as counted:
            assert shop.client.get(address).status_code == 200
        return len(counted.captured_queries)

    count()
    few = count()
    for number in range(6):
        write(shop.channel, "Hi", sender=f"person{number}")
    walk()
    assert count() == few


def test_the_inspector_takes_as_many_queries_for_a_long_run_as_for_a_short_one(
    shop, asked, django_assert_max_num_queries
):
    def count():
        with django_assert_max_num_queries(40) as counted:
            assert shop.client.get(page_of(asked)).status_code == 200
        return len(counted.captured_queries)

    count()
    few = count()
    lengthen(shop, asked, PAGE - 10)
    assert count() == few


def lengthen(shop, run, number):
    with shop.scope():
        rows = [
            StepExecution(
                workspace=shop.workspace,
                run=run,
                seq=run.seq + i,
                step_id="greet",
                step_type="send_message",
                status="done",
                outlet="next",
                started_at=timezone.now(),
                details={"notes": [["text_cut", "Cut."], "odd"], "inputs": {"a": {"b": 1}, "yes": True}},
            )
            for i in range(1, number + 1)
        ]
        StepExecution.objects.bulk_create(rows)
        Run.objects.filter(pk=run.pk).update(seq=run.seq + number)


def test_a_long_journal_is_shown_in_pages(shop, asked):
    lengthen(shop, asked, 2 * PAGE)
    first = shop.client.get(page_of(asked)).context["run"]
    last = shop.client.get(f"{page_of(asked)}?page=3").context["run"]

    assert (len(first.steps), first.previous_page, first.next_page) == (PAGE, None, 2)
    assert ([step.row.seq for step in last.steps], last.next_page) == ([201, 202], None)
    for odd in ("0", "-1", "x", "999999999999", "²"):
        assert shop.client.get(f"{page_of(asked)}?page={odd}").status_code == 200


def test_rows_of_any_shape_are_shown(shop, asked):
    with shop.scope():
        StepExecution.objects.update(details=[], step_type="gone", step_id="gone", outlet="gone", error="<i>")
        Wait.objects.update(resolution=[1], status="resolved", kind="other")
        Run.objects.update(variables=["odd"], event_id=10**9, parent_run_id=10**9, end_reason="brand_new:x")
    text = shop.client.get(page_of(asked)).content.decode()
    assert "&lt;i&gt;" in text
    assert "Brand new" in text


@pytest.mark.parametrize("name", RECORDS)
def test_records_are_read_and_never_written(shop, asked, name):
    address = f"/admin/workflows/{name}/"
    reply = shop.client.get(f"{address}?q=ada")
    assert reply.status_code == 200
    rows = list(shop.client.get(address).context["cl"].result_list)
    assert rows
    assert shop.client.get(f"{address}{rows[0].pk}/change/").status_code == 200
    assert shop.client.post(f"{address}{rows[0].pk}/change/", {}).status_code == 403
    assert shop.client.get(f"{address}add/").status_code == 403
    assert shop.client.get(f"{address}{rows[0].pk}/delete/").status_code == 403


def test_a_run_is_not_written_either(shop, asked):
    assert shop.client.post(page_of(asked), {"status": "ended"}).status_code == 403
    assert shop.client.get(f"{RUNS}add/").status_code == 403
    assert shop.client.get(f"{RUNS}{asked.pk}/delete/").status_code == 403
    assert shop.client.get(f"{RUNS}{asked.pk}/history/").status_code in {200, 302}


def test_nobody_sees_or_stops_runs_of_another_workspace(shop, asked):
    other = make_workspace("beta")
    shop.sign_in(make_member(other, Role.OWNER).user)

    assert b"Welcome" not in shop.client.get(RUNS).content
    assert shop.client.get(page_of(asked)).status_code == 404
    assert shop.client.post(f"{RUNS}{asked.pk}/stop/", {"go": "1"}).status_code == 404
    for name in RECORDS:
        assert not shop.client.get(f"/admin/workflows/{name}/").context["cl"].result_list
    assert only_run(shop.workspace).status == "waiting"


def test_a_number_of_a_foreign_contact_finds_nothing(shop, asked):
    other = make_workspace("beta")
    channel = make_channel(other, kind="web_chat")
    publish(other, ASKING, "Theirs")
    stranger = write(channel, "Hi", sender="eve")
    walk()
    found = [run.contact_id for run in shop.client.get(f"{RUNS}?q={stranger.pk}").context["cl"].result_list]
    assert stranger.pk not in found


def test_an_agent_sees_no_run(shop, asked):
    shop.sign_in(make_member(shop.workspace, Role.AGENT).user)
    for address in (RUNS, page_of(asked), f"{RUNS}{asked.pk}/stop/", EVENTS, LIST):
        assert shop.client.get(address).status_code in {302, 403}


def test_every_end_reason_has_a_sentence_and_a_short_form():
    assert words.END_REASONS.keys() == words.SHORT_END_REASONS.keys()
    assert all(str(text).endswith(".") for text in words.END_REASONS.values())
    assert all(str(text).endswith(".") for text in words.VERDICTS.values())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 ms"), (0.25, "250 ms"), (59, "59 s"), (3723, "1 h 2 min"), (90061, "1 d 1 h"), (-3, "0 ms")],
)
def test_a_length_of_time_is_told_in_two_units(seconds, text):
    assert words.duration(timedelta(seconds=seconds)) == text


def test_every_model_of_this_app_has_a_page():
    ours = set(apps.get_app_config("workflows").get_models(include_auto_created=False))
    assert {model for model in ours if not model._meta.proxy} <= set(admin.site._registry)
