"""A worker freezes past its lease, another takes over, the first one thaws: it must find itself shut out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from contacts.models import ContactTag
from conversations.models import Comment
from isflow.infra.faults import arm
from tests.bench.flows import TRIGGER, make_shop, payload, webhook_path
from tests.factories_contacts import make_tag
from tests.factories_workflows import document, looking, publish, walk
from tests.races.arena import Background, Gate, until
from workflows.engine import claims, journal, loading, runner
from workflows.engine.claims import Claim
from workflows.models import Run, StepExecution

pytestmark = pytest.mark.postgres


@pytest.fixture
def flow(stub, monkeypatch):
    """Two calls, then two effects that nobody may double. Leases end by hand, and nobody renews them."""
    monkeypatch.setattr(claims, "renew", lambda _held: None)
    workspace, _ = make_shop("zombie", document("manual", ("x", "wait", {})), 1)
    tag = make_tag(workspace)
    draft = document(
        "incoming_webhook",
        ("first", "http_request", call(stub, "first")),
        ("second", "http_request", call(stub, "second")),
        ("note", "add_comment", {"text": "Called"}),
        ("tag", "update_contact_tag", {"tags": [{"id": tag.pk, "label": tag.name}]}),
        config=TRIGGER,
    )
    path = webhook_path(workspace, publish(workspace, draft))
    answer = Client().post(path, payload(0, "o1"), content_type="application/json")
    assert answer.json()["status"] == "triggered"
    return workspace


def call(stub, name):
    return {"method": "POST", "url": f"{stub.url}/hit?id={name}", "body": "{}"}


def lose_lease(workspace):
    """What time would do: the lease of whoever works on the run is over."""
    with looking(workspace):
        past = timezone.now() - timedelta(seconds=1)
        Run.objects.filter(lease_until__isnull=False).update(wake_at=past, lease_until=past)


def outcomes(workspace):
    with looking(workspace):
        return dict(StepExecution.objects.order_by("seq").values_list("step_id", "status"))


def is_over(workspace, stub, first):
    """All effects once, the first call as told, and nothing left to do.

    A late answer turns ``unknown`` into ``done`` in the journal; the run it moves no more.
    """
    with looking(workspace):
        run = Run.objects.get()
        assert (run.status, run.end_reason, run.wake_at) == ("ended", "completed", None)
        assert StepExecution.objects.count() == 4
        assert Comment.objects.count() == ContactTag.objects.count() == 1
    assert outcomes(workspace) == {"first": first, "second": "done", "note": "done", "tag": "done"}
    assert stub.hits["first"] <= 1
    assert stub.hits["second"] == 1


@pytest.mark.rule("DS4.claim_fenced")
@pytest.mark.parametrize("point", ["runner.before_call", "runner.after_call"])
def test_a_worker_that_thaws_after_its_call_is_shut_out(flow, stub, point):
    gate = Gate("A")
    arm(point, gate)
    frozen = Background("A", walk)
    until(gate.reached.is_set)
    lose_lease(flow)
    walk()
    is_over(flow, stub, first="unknown")
    gate.open()
    frozen.join()
    walk()
    is_over(flow, stub, first="done")


def test_a_worker_frozen_inside_its_transaction_is_waited_for(flow, stub):
    gate = Gate("A")
    arm("runner.before_commit", gate)
    frozen = Background("A", walk)
    until(gate.reached.is_set)
    walk()
    assert outcomes(flow) == {}
    gate.open()
    frozen.join()
    walk()
    is_over(flow, stub, first="done")


def freeze_both(workspace):
    """A freezes with the answer to the first call, B before the second one; then A thaws and goes on."""
    slow, next_ = Gate("A"), Gate("B")
    arm("runner.after_call", slow)
    arm("runner.before_call", next_)
    first = Background("A", walk)
    until(slow.reached.is_set)
    lose_lease(workspace)
    second = Background("B", walk)
    until(next_.reached.is_set)
    slow.open()
    first.join()
    seen = outcomes(workspace)
    next_.open()
    second.join()
    walk()
    return seen


def test_an_old_answer_is_not_taken_for_a_new_one(flow, stub):
    assert freeze_both(flow) == {"first": "done", "second": "intent"}
    is_over(flow, stub, first="done")


def test_without_the_fence_a_call_would_be_skipped(flow, monkeypatch):
    """The planted bug proves that the test above can fail."""
    lock, update_many = loading.lock, journal.update_many

    def unfenced_lock(claim, **options):
        token = Run.objects.get().lease_token
        return lock(Claim.of(claim.workspace_id, token, claim.contacts), **options)

    def unfenced_update(model, key, fields, rows, **conditions):
        fence = conditions.pop("fence", ())
        return update_many(
            model, key, fields, [(row[0], *row[1 + len(fence) :]) for row in rows], **conditions
        )

    monkeypatch.setattr(runner, "lock", unfenced_lock)
    monkeypatch.setattr(journal, "update_many", unfenced_update)
    assert freeze_both(flow)["second"] == "done"
