"""What a run costs in statements and commits; times are measured by ``make bench``, never asserted."""

from __future__ import annotations

import re

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contacts.models import Contact
from isflow.infra.http import close_connections
from isflow.kernel.actor import Actor
from tests.bench.flows import flow_f, flow_m, make_shop, payload, webhook_path
from tests.factories_workflows import looking, walk
from tests.harness.stub import running_stub
from workflows.engine.children import Start, start_directly
from workflows.engine.clock import now
from workflows.engine.versions import definitions
from workflows.models import Run

pytestmark = pytest.mark.django_db(transaction=True)

BRACKETS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
WRITES = re.compile(r"^(INSERT|UPDATE|DELETE|WITH v)")
DECIDES = re.compile(r'^(INSERT INTO "workflows_decision"|UPDATE "workflows_event")')
ENDED = re.compile(r"UPDATE \"?workflows_run\"? SET|UPDATE \"workflows_run\"")


def post(shop, number, order):
    response = Client().post(webhook_path(*shop), payload(number, order), content_type="application/json")
    assert response.json()["status"] == "triggered", response.content


def statements(captured):
    """The statements up to the commit that ends the last run, without what its events cause."""
    sql = [query["sql"].strip() for query in captured]
    last = max(index for index, text in enumerate(sql) if ENDED.search(text))
    end = next((index for index in range(last, len(sql)) if sql[index].startswith("COMMIT")), len(sql) - 1)
    return sql[: end + 1]


def queries(sql):
    return [text for text in sql if not text.startswith(BRACKETS)]


def commits(sql):
    """Writing transactions: those bracketed, and lone statements that write.

    While a call is under way the events of the run may be decided; that which only decides is left out.
    """
    count, is_open, wrote = 0, False, False
    for text in sql:
        if text.startswith("BEGIN"):
            is_open, wrote = True, False
        elif text.startswith("COMMIT"):
            count += wrote
            is_open = False
        elif WRITES.match(text) and not DECIDES.match(text):
            count += not is_open
            wrote = True
    return count


def spent(action):
    with CaptureQueriesContext(connection) as captured:
        action()
    return statements(captured)


def one_after_the_other(shop, number):
    post(shop, number, f"o{number}")
    walk()


def test_a_call_of_a_webhook_costs_seven_queries_in_one_transaction():
    shop = make_shop("door", flow_m(), 2)
    post(shop, 0, "o0")
    with CaptureQueriesContext(connection) as captured:
        post(shop, 1, "o1")
    sql = [query["sql"].strip() for query in captured]
    words = [text.split()[0] for text in sql]
    look, start = words[:1], words[1:]
    assert look == ["SELECT"], listed(sql)
    assert start == ["BEGIN", "SELECT", "INSERT", "SELECT", *["INSERT"] * 3, "COMMIT"], listed(sql)


@pytest.mark.rule("P5")
def test_a_run_of_m_alone_costs_few_queries():
    shop = make_shop("m-alone", flow_m(), 2)
    one_after_the_other(shop, 0)
    sql = queries(spent(lambda: one_after_the_other(shop, 1)))
    assert len(sql) <= 25, listed(sql)
    ended(shop, 2)


@pytest.mark.rule("P5")
def test_fifty_runs_of_m_share_their_queries():
    shop = make_shop("m-batch", flow_m(), 51)
    one_after_the_other(shop, 50)

    def fifty():
        start_all(shop, 50)
        walk()

    sql = queries(spent(fifty))
    assert len(sql) / 50 <= 4, listed(sql)
    ended(shop, 51)


@pytest.mark.rule("P4")
def test_a_run_of_f_alone_costs_four_commits(settings):
    with running_stub() as stub:
        settings.ISFLOW_HTTP_ALLOW = [stub.allow]
        shop = make_shop("f-alone", flow_f(stub.url), 2)
        one_after_the_other(shop, 0)
        sql = spent(lambda: one_after_the_other(shop, 1))
        close_connections()
    assert stub.hits == {"o0": 1, "o1": 1}
    assert commits(sql) <= 4, listed(sql)
    ended(shop, 2)


@pytest.mark.rule("P4")
def test_fifty_runs_of_f_share_their_commits(settings):
    with running_stub() as stub:
        settings.ISFLOW_HTTP_ALLOW = [stub.allow]
        shop = make_shop("f-batch", flow_f(stub.url), 50)

        def fifty():
            start_all(shop, 50)
            walk()

        sql = spent(fifty)
        close_connections()
    assert len(stub.hits) == 50
    assert commits(sql) / 50 <= 0.5, listed(sql)
    ended(shop, 50)


def start_all(shop, number):
    workspace, workflow = shop
    with looking(workspace), transaction.atomic():
        definition = definitions([workflow.published_id])[workflow.published_id]
        people = Contact.objects.order_by("pk")[:number]
        starts = [
            Start(
                workflow_id=workflow.pk,
                version_id=workflow.published_id,
                definition=definition,
                contact_id=person.pk,
                kind="webhook_received",
                actor=Actor(source="api"),
                variables={"total": 250, "order": f"x{person.pk}"},
            )
            for person in people
        ]
        start_directly(starts, now(), workspace_id=workspace.pk)


def ended(shop, number):
    with looking(shop[0]):
        assert Run.objects.filter(status="ended", end_reason="completed").count() == number


def listed(sql):
    return "\n".join(f"{n:3} {text[:230]}" for n, text in enumerate(sql, 1))
