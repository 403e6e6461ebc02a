"""Once a stop is committed no step begins, whatever was under way."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from isflow.infra.faults import arm
from isflow.kernel.actor import Actor
from isflow.workspaces.events import DomainEvent, record_events
from isflow.workspaces.scope import workspace_scope
from tests.bench.flows import flow_w, make_shop, payload, webhook_path
from tests.factories_contacts import make_contact
from tests.factories_workflows import document, looking, publish, walk
from tests.races.arena import Background, Gate, until
from workflows.models import Run, StepExecution, Workflow
from workflows.services import workflow_publish, workflow_stop

pytestmark = pytest.mark.postgres

FIELD = {"updates": [{"field": {"slug": "lastname"}, "value": "x"}]}


def stop(workspace, workflow):
    """Stop it; the moment at which everybody could know."""
    with workspace_scope(workspace.pk):
        workflow_stop(workflow=Workflow.objects.get(pk=workflow.pk))
        return timezone.now()


def no_step_since(workspace, moment):
    with looking(workspace):
        assert not StepExecution.objects.filter(started_at__gt=moment).exists()
        assert not Run.objects.exclude(status="ended").exists()


def test_no_step_begins_after_a_stop(settings):
    settings.ISFLOW_BURST_STEPS = 1
    settings.ISFLOW_BATCH = 5
    steps = [(f"s{n}", "update_contact_field", FIELD) for n in range(30)]
    config = flow_w("http://127.0.0.1:9")["trigger"]["config"]
    shop = make_shop("long", document("incoming_webhook", *steps, config=config), 40)
    workspace, workflow = shop
    for number in range(40):
        Client().post(webhook_path(*shop), payload(number, number), content_type="application/json")
    workers = [Background(f"worker-{n}", walk) for n in range(3)]

    def under_way():
        with looking(workspace):
            return StepExecution.objects.count() > 100

    until(under_way)
    moment = stop(workspace, workflow)
    for worker in workers:
        worker.join()
    walk()
    no_step_since(workspace, moment)
    with looking(workspace):
        assert Run.objects.filter(end_reason="stopped_workflow").exists()
        workflow_publish(workflow=Workflow.objects.get(pk=workflow.pk))
    walk()
    no_step_since(workspace, moment)


@pytest.mark.parametrize("point", ["dispatcher.before_commit", "dispatcher.after_commit"])
def test_a_start_that_a_stop_overtakes_takes_no_step(shop, point):
    workspace, _ = shop
    contact = make_contact(workspace)
    workflow = publish(workspace, document("conversation_opened", ("a", "update_contact_field", FIELD)))
    with workspace_scope(workspace.pk), transaction.atomic():
        record_events(
            [DomainEvent("conversation_opened", workspace.pk, contact.pk, {}, Actor(source="user"))]
        )
    gate = Gate("slow")
    arm(point, gate)
    worker = Background("slow", walk)
    until(gate.reached.is_set)
    moment = stop(workspace, workflow)
    gate.open()
    worker.join()
    walk()
    no_step_since(workspace, moment)


def test_a_webhook_that_a_stop_overtakes_takes_no_step():
    shop = make_shop("late", flow_w("http://127.0.0.1:9"), 1)
    gate = Gate("slow")
    arm("webhook.before_commit", gate)

    def call():
        Client().post(webhook_path(*shop), payload(0, "o1"), content_type="application/json")

    caller = Background("slow", call)
    until(gate.reached.is_set)
    moment = stop(*shop)
    gate.open()
    caller.join()
    walk()
    no_step_since(shop[0], moment)


def test_a_call_in_flight_ends_and_nothing_follows(stub):
    workspace, workflow = shop = make_shop("call", calling(stub), 1)
    Client().post(webhook_path(*shop), payload(0, "o1"), content_type="application/json")
    gate = Gate("slow")
    arm("runner.after_call", gate)
    worker = Background("slow", walk)
    until(gate.reached.is_set)
    moment = stop(workspace, workflow)
    gate.open()
    worker.join()
    walk()
    no_step_since(workspace, moment)
    assert stub.hits == {"o1": 1}
    with looking(workspace):
        assert Run.objects.get().end_reason == "stopped_workflow"


def calling(stub):
    draft = flow_w(stub.url)
    draft["trigger"]["outlets"] = {"next": "call"}
    draft["steps"]["call"]["outlets"] = {"next": "after"}
    draft["steps"]["after"] = {
        "type": "update_contact_field",
        "name": "after",
        "config": FIELD,
        "outlets": {"next": None},
    }
    del draft["steps"]["pause"]
    return draft
