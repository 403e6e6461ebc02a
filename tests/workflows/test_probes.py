from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from prometheus_client.parser import text_string_to_metric_families
from structlog.contextvars import get_contextvars

from conversations.changes import MessageOutcome
from conversations.models import Message
from conversations.signals import messages_settled
from isflow.infra import workers
from isflow.workspaces.scope import all_workspaces
from tests.factories import make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import document, looking, publish, walk, write
from tests.workflows.troubles import asked, quarantine, unknown_call, unknown_message
from workflows import probes
from workflows.contract import Leave, StepConfig, StepType, step_types
from workflows.engine.clock import now
from workflows.models import Event, Run
from workflows.services import unknown_send_again
from workflows.tasks import pull_due

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    workspace = make_workspace()
    return workspace, make_channel(workspace, kind="web_chat")


def figures(client):
    text = client.get("/metrics").content.decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_an_idle_installation_has_nothing_waiting():
    assert {name: queue.size for name, queue in probes.queues().items()} == {
        "events": 0,
        "runs": 0,
        "messages": 0,
        "deliveries": 0,
    }


def test_late_runs_and_events_of_any_workspace_are_flagged(shop, client):
    workspace, channel = shop
    asked(workspace, channel)
    late = now() - timedelta(seconds=100)
    with looking(workspace):
        Run.objects.update(wake_at=late)
    write(channel, "and another thing")
    with looking(workspace):
        Event.objects.filter(is_pending=True).update(at=late)
    workers.forget()
    workers.beat()
    found = client.get("/health/deep").json()["checks"]
    assert not found["runs"]["ok"]
    assert found["runs"]["oldest_seconds"] >= 100
    assert not found["events"]["ok"]
    assert found["messages"]["ok"]
    shown = figures(client)
    assert shown["isflow_due_lag_seconds",] >= 100
    assert shown["isflow_queue_size", "runs"] == 1


def test_a_run_under_lease_is_not_late(shop):
    workspace, channel = shop
    asked(workspace, channel)
    assert probes.queues()["runs"].size == 0


def test_a_message_of_a_paused_channel_waits_rightly(shop):
    workspace, channel = shop
    asked(workspace, channel)
    late = now() - timedelta(seconds=100)
    with looking(workspace):
        Message.objects.filter(direction="out").update(status="queued", created_at=late)
    assert not probes.queues()["messages"].part().ok
    with looking(workspace):
        type(channel).objects.update(not_before=now() + timedelta(minutes=5))
    assert probes.queues()["messages"].part().ok
    assert probes.channels()["paused"] == 1


def test_unknowns_are_counted_by_kind(shop, client):
    workspace, channel = shop
    _, run = asked(workspace, channel)
    unknown_message(workspace)
    unknown_call(workspace, run)
    quarantine(workspace, run)
    shown = figures(client)
    assert [shown["isflow_unknowns", kind] for kind in ("messages", "calls", "runs")] == [1, 1, 1]


def test_what_a_person_has_sent_again_is_no_longer_unknown(shop):
    workspace, channel = shop
    asked(workspace, channel)
    message = unknown_message(workspace)
    with looking(workspace):
        unknown_send_again(message_id=message.pk)
    assert probes.unknowns()["messages"] == 0


def test_steps_bursts_and_claims_are_counted(shop, client):
    workspace, channel = shop
    before = figures(client)
    asked(workspace, channel)
    after = figures(client)
    steps = ("isflow_steps_total", "waiting", "ask_question")
    assert after[steps] == before.get(steps, 0) + 1
    assert after["isflow_bursts_total",] > before["isflow_bursts_total",]
    assert after["isflow_claimed_total", "events"] > before.get(("isflow_claimed_total", "events"), 0)


def test_sends_are_counted_once_they_are_durable(client, django_capture_on_commit_callbacks):
    outcome = MessageOutcome(1, "", None, 1, "unknown", "")
    before = figures(client).get(("isflow_sends_total", "unknown"), 0)
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        messages_settled.send(sender=Message, outcomes=[outcome])
    assert figures(client)["isflow_sends_total", "unknown"] == before + 1


def test_the_pull_task_tells_that_its_process_lives():
    workers.forget()
    pull_due()
    assert len(workers.workers_seen()) == 1


def test_what_a_worker_logs_names_the_workspace(shop):
    workspace, channel = shop
    seen = []

    class NothingConfig(StepConfig):
        """No settings."""

    @step_types.register("looking")
    class Looking(StepType[NothingConfig]):
        label = "Looking"
        config_class = NothingConfig

        def execute(self, ctx, config):
            seen.append(get_contextvars())
            return Leave("next")

    try:
        publish(workspace, document("conversation_opened", ("look", "looking", {})))
        write(channel, "hello")
        walk()
    finally:
        step_types.unregister("looking")
    assert seen == [{"workspace_id": workspace.pk}]
    assert "workspace_id" not in get_contextvars()


def test_gauges_look_into_all_workspaces_and_leave_the_scope():
    probes.unknowns()
    probes.channels()
    with all_workspaces():
        assert Run.objects.count() == 0
