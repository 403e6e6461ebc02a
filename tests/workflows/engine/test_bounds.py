"""Everything is bounded: visits, bursts, depth, starts; and a stopped workflow lets nobody go on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from contacts.changes import TagChange
from contacts.models import Tag
from contacts.services import tags_change
from isflow.kernel.actor import Actor
from tests.factories import make_workspace
from tests.factories_contacts import make_channel, make_contact
from tests.factories_workflows import document, journal, looking, only_run, publish, walk, write
from workflows.contract import Leave, StepConfig, StepType, step_types
from workflows.engine.clock import now
from workflows.models import Decision, Run, StepExecution, Wait
from workflows.services import workflow_publish, workflow_stop

pytestmark = pytest.mark.django_db


class NothingConfig(StepConfig):
    """No settings."""


@pytest.fixture
def nothing():
    @step_types.register("nothing")
    class Nothing(StepType[NothingConfig]):
        label = "Nothing"
        config_class = NothingConfig

        def execute(self, ctx, config):
            return Leave("next")

    yield
    step_types.unregister("nothing")


@pytest.fixture
def shop():
    workspace = make_workspace()
    return workspace, make_channel(workspace, kind="web_chat")


@pytest.mark.rule("SP1.4.visits_bound")
def test_a_run_that_visits_too_many_steps_ends_with_a_reason(shop, nothing, settings):
    settings.ISFLOW_MAX_VISITS = 3
    workspace, channel = shop
    publish(workspace, document("conversation_opened", *[(f"s{n}", "nothing", {}) for n in range(6)]))
    write(channel, "hello")
    walk()
    run = only_run(workspace)
    assert (run.end_reason, run.seq) == ("loop_guard", 3)
    assert "more than 3" in run.end_message


def test_a_long_burst_is_cut_into_several_and_goes_on(shop, nothing, settings):
    settings.ISFLOW_BURST_STEPS = 2
    workspace, channel = shop
    publish(workspace, document("conversation_opened", *[(f"s{n}", "nothing", {}) for n in range(7)]))
    write(channel, "hello")
    walk()
    assert (only_run(workspace).end_reason, only_run(workspace).seq) == ("completed", 7)


@pytest.mark.rule("S002.stop.ejects")
def test_stopping_ejects_everybody_and_publishing_again_brings_nobody_back(shop):
    workspace, channel = shop
    workflow = publish(workspace, document("conversation_opened", ("ask", "ask_question", {"text": "Name?"})))
    write(channel, "hello")
    walk()
    with looking(workspace):
        assert workflow_stop(workflow=workflow) == 1
        run = Run.objects.get()
        assert (run.status, run.end_reason, run.wake_at) == ("ended", "stopped_workflow", None)
        assert Wait.objects.get().status == Wait.Status.CANCELLED
        assert StepExecution.objects.get().status == StepExecution.Status.CANCELLED
        workflow_publish(workflow=workflow)
    write(channel, "Ada")
    walk()
    assert only_run(workspace).end_reason == "stopped_workflow"


def add_tag(workspace, contact, tag, *, depth=0):
    actor = Actor(source="workflow", workflow_id=999, depth=depth)
    with looking(workspace), transaction.atomic():
        tags_change([TagChange(contact.pk, tag.pk, tag.name, add=False, actor=actor)])
        tags_change([TagChange(contact.pk, tag.pk, tag.name, actor=actor)])


def listening_to(workspace, tag):
    return publish(
        workspace,
        document(
            "contact_tag_updated",
            ("stop", "wait", {"duration": {"value": 1, "unit": "seconds"}}),
            config={"action": "add", "tags": [{"id": tag.pk, "label": tag.name}]},
        ),
    )


def verdicts(workspace):
    with looking(workspace):
        decided = Decision.objects.order_by("pk").values_list("verdicts", flat=True)
        return [row[1] for rows in decided for row in rows if row[1] != "not_matched"]


@pytest.mark.rule("DS4.depth")
def test_a_chain_of_workflows_ends_at_depth_ten(shop):
    workspace, _ = shop
    contact = make_contact(workspace)
    with looking(workspace):
        tag = Tag.objects.create(workspace=workspace, name="ping")
    listening_to(workspace, tag)
    add_tag(workspace, contact, tag, depth=9)
    walk()
    assert verdicts(workspace) == ["started"]
    with looking(workspace):
        Run.objects.update(status="ended", wake_at=None)
    add_tag(workspace, contact, tag, depth=10)
    walk()
    assert verdicts(workspace) == ["started", "too_deep"]


@pytest.mark.rule("DS4.rate")
def test_a_machine_starts_a_workflow_for_one_contact_at_most_so_often(shop, settings):
    settings.ISFLOW_MAX_STARTS = 3
    workspace, _ = shop
    contact = make_contact(workspace)
    with looking(workspace):
        tag = Tag.objects.create(workspace=workspace, name="ping")
    listening_to(workspace, tag)
    for _ in range(5):
        add_tag(workspace, contact, tag)
        walk()
        with looking(workspace):
            Run.objects.update(status="ended", wake_at=None)
    assert verdicts(workspace) == ["started"] * 3 + ["too_many_starts"] * 2


@pytest.mark.rule("DS4.quarantine")
def test_three_lost_leases_put_a_run_in_quarantine(shop, nothing):
    workspace, channel = shop
    publish(workspace, document("conversation_opened", ("ask", "ask_question", {"text": "Name?"})))
    write(channel, "hello")
    walk()
    with looking(workspace):
        past = now() - timedelta(seconds=60)
        Run.objects.update(lost_leases=2, lease_until=past, wake_at=past)
    walk()
    run = only_run(workspace)
    assert run.end_reason == "quarantined"
    assert "3 times" in run.end_message
    with looking(workspace):
        assert journal(run) == [("ask", "cancelled")]
        assert not Wait.objects.filter(status=Wait.Status.OPEN).exists()
