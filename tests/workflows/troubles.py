"""Short ways to get into trouble."""

from __future__ import annotations

from datetime import timedelta

from conversations.models import Message
from tests.factories_workflows import document, looking, publish, walk, write
from workflows.engine.clock import now
from workflows.models import Run, StepExecution

ASKING = document("conversation_opened", ("ask", "ask_question", {"text": "Name?"}))


def asked(workspace, channel, sender="ada", workflow=None):
    """A run that waits for the answer to its question, and its workflow."""
    workflow = workflow or publish(workspace, ASKING)
    contact = write(channel, "hello", sender=sender)
    walk()
    with looking(workspace):
        return workflow, Run.objects.select_related("workflow", "contact").get(contact=contact)


def quarantine(workspace, run):
    """Lose the run's lease so often that it is set aside."""
    with looking(workspace):
        past = now() - timedelta(seconds=60)
        Run.objects.filter(pk=run.pk).update(
            lost_leases=2, lease_until=past, wake_at=past, variables={"city": "Bonn"}
        )
    walk()
    with looking(workspace):
        run.refresh_from_db()
    assert run.end_reason == "quarantined"


def unknown_message(workspace, run=None):
    """Make the newest outgoing message one of which nobody knows."""
    with looking(workspace):
        message = Message.objects.filter(direction="out").latest("pk")
        Message.objects.filter(pk=message.pk).update(status="unknown", error="Interrupted.")
        return message


def unknown_call(workspace, run):
    """Make the run's first visit a call of which nobody knows."""
    with looking(workspace):
        visit = StepExecution.objects.filter(run=run).first()
        StepExecution.objects.filter(pk=visit.pk).update(
            status="unknown",
            error="The worker was lost.",
            finished_at=now(),
            details={"inputs": {"request": "POST https://stock.example/"}},
        )
        visit.refresh_from_db()
        return visit
