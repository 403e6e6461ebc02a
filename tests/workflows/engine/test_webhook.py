"""Another system starts a workflow by its address."""

from __future__ import annotations

import json
import os

import pytest
from django.core.cache import cache
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import make_workspace
from tests.factories_contacts import make_channel, make_contact
from tests.factories_workflows import connect, document, journal, looking, only_run, publish, walk
from workflows.models import Decision, Event, Run
from workflows.services import workflow_regenerate_webhook, workflow_stop

pytestmark = pytest.mark.django_db

CONFIG = {
    "identifier_type": "email",
    "identifier_key": "$.customer.email",
    "variables": [{"key": "$.order.id", "name": "order_id"}, {"key": "$.lines", "name": "lines"}],
}


@pytest.fixture
def shop():
    workspace = make_workspace()
    channel = make_channel(workspace, kind="web_chat")
    ada = make_contact(workspace, "Ada", email="ada@example.org")
    connect(ada, channel)
    workflow = publish(
        workspace,
        document(
            "incoming_webhook",
            ("tell", "send_message", {"default": {"text": "Order $order_id is on its way."}}),
            ("pause", "wait", {"duration": {"value": 5, "unit": "minutes"}}),
            config=CONFIG,
        ),
    )
    return workspace, workflow, ada


def address(workspace, workflow):
    return f"/hooks/workflow/{workspace.public_id}/{workflow.webhook_token}"


def post(client, shop, body, **kwargs):
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    kwargs.setdefault("content_type", "application/json")
    return client.post(address(*shop[:2]), text, **kwargs)


GOOD = {"customer": {"email": "ADA@example.org"}, "order": {"id": 42}, "lines": [1, 2]}


@pytest.mark.rule("S000.webhook.starts")
def test_a_post_starts_the_workflow_for_the_contact_it_names(client, shop):
    workspace, workflow, ada = shop
    answer = post(client, shop, GOOD)
    run = only_run(workspace)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "triggered",
        "workflow_id": workflow.pk,
        "contacts": [ada.pk],
        "runs": [run.pk],
        "warnings": ["$.lines holds an object or a list, so $lines stays empty."],
    }
    walk()
    with looking(workspace):
        assert journal(run) == [("tell", "next"), ("pause", "waiting")]
        assert ada.messages.get(direction="out").text == "Order 42 is on its way."
        assert Decision.objects.get(event__kind="webhook_received").verdicts[0][1] == "started"


@pytest.mark.rule("SP.A7.3.refused_is_200")
def test_a_contact_inside_is_refused_without_an_error(client, shop):
    post(client, shop, GOOD)
    answer = post(client, shop, GOOD)
    assert answer.status_code == 200
    assert answer.json()["status"] == "not_triggered"
    assert answer.json()["reason"] == "already_in_workflow"
    assert only_run(shop[0]).status == Run.Status.RUNNING


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"customer": {"email": "nobody@example.org"}}, 404, "contact_not_found"),
        ({"customer": {}}, 422, "identifier_missing"),
        ({"customer": {"email": None}}, 422, "identifier_missing"),
        ({"customer": {"email": {"a": 1}}}, 422, "identifier_missing"),
        ("{", 400, "invalid_json"),
        ('"text"', 400, "invalid_json"),
        (b"\xff\xfe", 400, "invalid_json"),
        ("[" * 5000, 400, "invalid_json"),
        ("[" * 40 + "]" * 40, 400, "invalid_json"),
        ({"customer": {"email": "a\x00@example.org"}}, 404, "contact_not_found"),
        ({"customer": {"email": "a\ud800@example.org"}}, 404, "contact_not_found"),
        (json.dumps({"a": "x" * 300_000}), 413, "body_too_large"),
    ],
)
@pytest.mark.rule("SP.A7.3.statuses")
def test_bad_input_gets_a_clear_answer_and_starts_nothing(client, shop, body, status, error):
    answer = post(client, shop, body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    with looking(shop[0]):
        assert not Run.objects.exists()
        assert not Event.objects.filter(kind="webhook_received").exists()


@pytest.mark.rule("S000.webhook.json_only")
def test_wrong_method_type_and_address_are_told_apart(client, shop):
    got = client.get(address(*shop[:2]))
    assert (got.status_code, got["Allow"]) == (405, "POST")
    assert post(client, shop, "a=1", content_type="text/plain").status_code == 415
    for unknown in ("x/y", "%00/y", "x/%00", "%ED%A0%80/y"):
        answer = client.post(f"/hooks/workflow/{unknown}", "{}", content_type="application/json")
        assert (answer.status_code, answer.json()) == (404, {"error": "unknown_webhook"})


def test_values_that_no_database_stores_start_the_workflow_all_the_same(client, shop):
    body = {**GOOD, "order": {"id": "4\x002\ud800"}}
    assert post(client, shop, body).json()["status"] == "triggered"
    walk()
    with looking(shop[0]):
        assert shop[2].messages.filter(direction="out").exists()


@pytest.mark.rule("SP.A7.1.regenerate", "S000.webhook.own_address")
def test_a_stopped_workflow_answers_409_and_a_new_address_makes_the_old_one_unknown(client, shop):
    workspace, workflow, _ = shop
    old = address(workspace, workflow)
    with looking(workspace):
        workflow_regenerate_webhook(workflow=workflow)
    assert client.post(old, json.dumps(GOOD), content_type="application/json").status_code == 404
    with looking(workspace):
        workflow_stop(workflow=workflow)
    answer = post(client, shop, GOOD)
    assert (answer.status_code, answer.json()["error"]) == (409, "workflow_not_published")


@pytest.mark.rule("SP.A7.3.rate")
def test_more_than_ten_calls_a_second_are_refused_for_a_moment(client, shop):
    answers = [post(client, shop, GOOD) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert answers[-1]["Retry-After"] == "1"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
bodies = st.one_of(
    st.binary(max_size=200),
    json_values.map(lambda value: json.dumps(value).encode()),
    st.builds(lambda value: json.dumps({"customer": {"email": value}}).encode(), json_values),
)


@settings(
    max_examples=int(os.environ.get("ISFLOW_EXAMPLES", "50")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    body=bodies, kind=st.sampled_from(["application/json", "application/vnd.x+json", "", "text/html", "é"])
)
def test_no_body_gets_a_500(client, shop, body, kind):
    cache.clear()
    answer = post(client, shop, body, content_type=kind)
    assert answer.status_code < 500
