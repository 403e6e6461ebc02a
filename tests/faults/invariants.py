"""What must hold once the story is over, whoever died on the way. Broken rules come back as sentences."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from channels_app.models import InboundDelivery
from contacts.models import Contact, ContactTag
from conversations.models import Comment, Conversation, Message
from isflow.workspaces.scope import workspace_scope
from tests.faults.player import ANSWER
from tests.faults.story import PAUSE_SECONDS, STEPS
from workflows.models import Decision, Event, Run, StepExecution, Wait
from workflows.selectors import unknown_calls, unknown_messages

ONCE = {
    "contact_tag_updated": 1,
    "conversation_opened": 1,
    "conversation_closed": 1,
}


def broken_rules(scene, hits):
    """All violations of one scene; ``hits``: how often the stub saw each id."""
    with workspace_scope(scene.workspace):
        return [
            *_promises(scene),
            *_runs(scene),
            *_histories(),
            *_waits(scene),
            *_inner_effects(scene),
            *_outer_effects(scene, hits),
            *_unknowns(),
            *_leftovers(),
        ]


def _promises(scene):
    for what, workflow in (("order", scene.order), ("idle", scene.idle)):
        if what in scene.acknowledged() and Run.objects.filter(workflow=workflow).count() != 1:
            yield f"the {what} was acknowledged but has no run of its own"
    answers = Message.objects.filter(direction="in", external_id=ANSWER).count()
    if answers != 1:
        yield f"the answer is stored {answers} times"
    if Decision.objects.count() != Event.objects.count():
        yield f"{Event.objects.count()} events, {Decision.objects.count()} decisions"
    if Event.objects.filter(is_pending=True).exists():
        yield "undecided events are left"


def _runs(scene):
    expected = {scene.order: "completed", scene.idle: "stopped_workflow"}
    for run in Run.objects.all():
        if (run.status, run.end_reason) != ("ended", expected[run.workflow_id]):
            yield f"run of {run.workflow_id} is {run.status} {run.end_reason} {run.end_message}"
        if run.wake_at or run.lease_until:
            yield "an ended run is still due"
    visits = StepExecution.objects.filter(run__workflow=scene.order).order_by("seq")
    if [visit.step_id for visit in visits] != STEPS:
        yield f"visited {[visit.step_id for visit in visits]}"
    if [visit.seq for visit in visits] != list(range(1, len(STEPS) + 1)):
        yield f"numbered {[visit.seq for visit in visits]}"


def _histories():
    """Whoever follows the journal through the document comes to where the run stands, never back in time.

    An answer that came too late may be noted long after the step; no step begins before its forerunner.
    """
    for run in Run.objects.select_related("version"):
        document = run.version.definition
        visits = list(StepExecution.objects.filter(run=run).order_by("seq"))
        place = document["trigger"]["outlets"]["next"]
        for visit in visits:
            if visit.step_id != place:
                yield f"visit {visit.seq} is {visit.step_id}, the history leads to {place}"
                break
            place = document["steps"][place]["outlets"].get(visit.outlet) if visit.outlet else place
        if run.seq != len(visits):
            yield f"the run counts {run.seq} visits, the journal {len(visits)}"
        starts = [visit.started_at for visit in visits]
        if starts != sorted(starts) or any(_ended_early(visit) for visit in visits):
            yield f"the journal of run {run.pk} goes back in time"


def _ended_early(visit):
    return visit.finished_at is not None and visit.finished_at < visit.started_at


def _waits(scene):
    """Each wait has one winner, and no timer was early."""
    waits = Wait.objects.select_related("run")
    decided = {(wait.run.workflow_id, wait.seq, wait.kind): wait for wait in waits}
    if len(decided) != len(waits):
        yield "a step waited twice"
    for wait in decided.values():
        if (wait.status == "resolved") != (wait.resolution is not None) or wait.resolved_at is None:
            yield f"a {wait.kind} is {wait.status} with {wait.resolution} since {wait.resolved_at}"
    winners = {
        kind: wait.resolution["type"]
        for (workflow, _seq, kind), wait in decided.items()
        if workflow == scene.order and wait.status == "resolved"
    }
    if winners.get("question") != "reply":
        yield f"the waits were won by {winners}"
    for pause in StepExecution.objects.filter(step_id="pause"):
        if pause.finished_at - pause.started_at < timedelta(seconds=PAUSE_SECONDS):
            yield f"the timer of {PAUSE_SECONDS} s took {pause.finished_at - pause.started_at}"


def _inner_effects(scene):
    contact = Contact.objects.get()
    if contact.last_name != scene.name:
        yield f"the field holds {contact.last_name!r}"
    if ContactTag.objects.count() != 1:
        yield "the tag is not there"
    if Comment.objects.count() != 1:
        yield f"{Comment.objects.count()} comments"
    if Conversation.objects.filter(status="closed").count() != 1 or Conversation.objects.count() != 1:
        yield f"conversations: {list(Conversation.objects.values_list('status', flat=True))}"
    kinds = Counter(Event.objects.values_list("kind", flat=True))
    for kind, number in ONCE.items():
        if kinds[kind] != number:
            yield f"{kinds[kind]} events {kind}"
    fields = Event.objects.filter(kind="contact_field_updated", payload__field="lastname").count()
    if fields != 1:
        yield f"{fields} events about the field"
    outgoing = Message.objects.filter(direction="out").count()
    if outgoing != 2:
        yield f"{outgoing} outgoing messages"


def _outer_effects(scene, hits):
    keys = Message.objects.filter(direction="out").values_list("key", flat=True)
    ghosts = set(hits) - {scene.name} - {f"{scene.name}/{key}" for key in keys}
    if ghosts:
        yield f"calls that nobody announced: {ghosts}"
    for message in Message.objects.filter(direction="out"):
        yield from _at_most_once(
            f"message {message.text!r}", message.status, "sent", hits[f"{scene.name}/{message.key}"]
        )
    visit = StepExecution.objects.filter(step_id="call").first()
    if visit is not None:
        yield from _at_most_once("the call", visit.status, "done", hits[scene.name])


def _at_most_once(what, status, good, count):
    if count > 1:
        yield f"{what} was made {count} times"
    if status == good and count != 1:
        yield f"{what} counts as {good} but was made {count} times"
    if status not in (good, "unknown"):
        yield f"{what} is {status}"


def _unknowns():
    """One fault makes at most one outcome unknown, and people are shown it."""
    messages = set(Message.objects.filter(status="unknown").values_list("pk", flat=True))
    calls = set(StepExecution.objects.filter(status="unknown").values_list("pk", flat=True))
    if len(messages) + len(calls) > 1:
        yield f"{len(messages)} messages and {len(calls)} calls are unknown"
    if messages != {row.pk for row in unknown_messages()} or calls != {row.pk for row in unknown_calls()}:
        yield "what nobody knows is not listed"


def _leftovers():
    if Wait.objects.filter(status="open").exists():
        yield "a wait is open"
    if StepExecution.objects.filter(status__in=["waiting", "intent"]).exists():
        yield "a step is unfinished"
    if Message.objects.filter(status__in=["queued", "sending"]).exists():
        yield "a message is unsent"
    if InboundDelivery.objects.exclude(status="processed").exists():
        yield "a delivery is unread"
