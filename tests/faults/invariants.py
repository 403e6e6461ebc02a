"""What must hold once the story is over, whoever died on the way. Broken rules come back as sentences."""

from __future__ import annotations

from collections import Counter

from channels_app.models import InboundDelivery
from contacts.models import Contact, ContactTag
from conversations.models import Comment, Conversation, Message
from isflow.workspaces.scope import workspace_scope
from tests.faults.story import ANSWER, STEPS
from workflows.models import Decision, Event, Run, StepExecution, Wait

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
            *_inner_effects(scene),
            *_outer_effects(scene, hits),
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


def _leftovers():
    if Wait.objects.filter(status="open").exists():
        yield "a wait is open"
    if StepExecution.objects.filter(status__in=["waiting", "intent"]).exists():
        yield "a step is unfinished"
    if Message.objects.filter(status__in=["queued", "sending"]).exists():
        yield "a message is unsent"
    if InboundDelivery.objects.exclude(status="processed").exists():
        yield "a delivery is unread"
