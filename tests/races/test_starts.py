"""Many at once at the door of a workflow, and many workers at once at the queue."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from channels_app.contract import InboundMessage
from contacts.models import Contact
from conversations.inbound import receive
from conversations.models import Conversation
from isflow.infra.faults import arm
from isflow.kernel.actor import Actor
from isflow.workspaces.events import DomainEvent, record_events
from isflow.workspaces.scope import workspace_scope
from tests.bench.flows import flow_w, make_shop, payload, webhook_path
from tests.factories_contacts import make_contact
from tests.factories_workflows import document, due_runs, looking, publish, walk
from tests.races.arena import Background, Gate, together, until
from workflows.engine.claims import claim_runs
from workflows.models import Decision, Enrolment, Run

pytestmark = pytest.mark.postgres

REST = ("rest", "wait", {"duration": {"value": 1, "unit": "hours"}})


def test_sixteen_events_of_one_contact_make_one_run(shop):
    workspace, _ = shop
    contact = make_contact(workspace)
    publish(workspace, document("conversation_opened", REST))

    def happen():
        with workspace_scope(workspace.pk), transaction.atomic():
            fact = DomainEvent("conversation_opened", workspace.pk, contact.pk, {}, Actor(source="user"))
            record_events([fact])
        walk()

    def rests():
        walk()
        with looking(workspace):
            return Run.objects.get().status == "waiting"

    together(*[happen] * 16)
    until(rests)
    with looking(workspace):
        verdicts = Counter(row[1] for d in Decision.objects.all() for row in d.verdicts)
        assert verdicts == {"started": 1, "already_in_workflow": 15}
        assert Enrolment.objects.count() == 1


def test_sixteen_calls_of_a_webhook_make_one_run():
    shop = make_shop("hooks", flow_w("http://127.0.0.1:9", seconds=3600), 1)

    def call(number):
        answer = Client().post(webhook_path(*shop), payload(0, f"o{number}"), content_type="application/json")
        assert answer.status_code == 200
        return answer.json()

    answers = together(*[partial(call, number) for number in range(16)])
    assert Counter(answer["status"] for answer in answers) == {"triggered": 1, "not_triggered": 15}
    assert {answer.get("reason") for answer in answers} == {None, "already_in_workflow"}
    with looking(shop[0]):
        assert Run.objects.count() == 1
        verdicts = Counter(row[1] for d in Decision.objects.all() for row in d.verdicts)
        assert verdicts == {"started": 1, "already_in_workflow": 15}


def test_eight_workers_claim_a_thousand_runs_without_overlap(shop):
    workspace, _ = shop
    workflow = publish(workspace, document("manual", REST))
    runs = due_runs(workspace, workflow, 1_000, "rest", at=timezone.now())

    def claim_all():
        claimed = []
        with workspace_scope(workspace.pk):
            while batch := claim_runs(workspace.pk).contacts:
                claimed.extend(batch)
        return claimed

    shares = together(*[claim_all] * 8)
    taken = [run_id for share in shares for run_id in share]
    assert len(taken) == len(set(taken)) == 1_000
    assert set(taken) == {run.pk for run in runs}


def test_two_first_messages_of_a_new_visitor_at_once_start_one_run(shop):
    workspace, channel = shop
    publish(workspace, document("conversation_opened", REST))

    def write(number):
        message = InboundMessage(
            external_id=f"first-{number}", sender="visitor", sent_at=timezone.now(), text=f"Hello {number}"
        )
        receive(channel, [message])
        walk()

    together(partial(write, 1), partial(write, 2))
    walk()
    with looking(workspace):
        assert Contact.objects.count() == 1
        assert Conversation.objects.count() == 1
        assert Run.objects.count() == 1


def test_events_of_a_contact_that_somebody_holds_are_left_to_him(shop):
    workspace, _ = shop
    contact = make_contact(workspace)
    publish(workspace, document("conversation_opened", REST))

    def happen():
        with workspace_scope(workspace.pk), transaction.atomic():
            fact = DomainEvent("conversation_opened", workspace.pk, contact.pk, {}, Actor(source="user"))
            record_events([fact])

    happen()
    gate = Gate("slow")
    arm("dispatcher.before_commit", gate)
    worker = Background("slow", walk)
    until(gate.reached.is_set)
    happen()
    walk()
    with looking(workspace):
        assert Decision.objects.count() == 0
    gate.open()
    worker.join()
    walk()
    with looking(workspace):
        verdicts = [row[1] for d in Decision.objects.order_by("event") for row in d.verdicts]
    assert verdicts == ["started", "already_in_workflow"]
