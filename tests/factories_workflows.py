"""Short ways to write, publish and walk workflows in tests."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count

from django.utils import timezone

from channels_app.contract import InboundMessage
from contacts.models import Contact, ContactIdentity
from conversations.inbound import receive
from isflow.workspaces.scope import workspace_scope
from tests.factories_contacts import make_contacts
from workflows.engine import versions
from workflows.engine.pull import pull
from workflows.models import Run, StepExecution
from workflows.services import workflow_create, workflow_publish

_numbers = count(1)


def document(trigger, *steps, config=None, once=False):
    """A chain of steps, each ``(id, type, config)`` or with outlets as a fourth item; ``next`` by default."""
    ids = [step[0] for step in steps]
    following = dict(zip(ids, [*ids[1:], None], strict=True))
    written = {}
    for key, kind, settings, *rest in steps:
        outlets = rest[0] if rest else {_main_outlet(kind): following[key]}
        written[key] = {"type": kind, "name": key, "config": settings, "outlets": outlets}
    return {
        "format": 1,
        "trigger": {
            "type": trigger,
            "config": config or {},
            "once_per_contact": once,
            "outlets": {"next": ids[0]},
        },
        "steps": written,
    }


def _main_outlet(kind):
    return {"ask_question": "success", "branch": "else"}.get(kind, "next")


def publish(workspace, draft, name=None):
    """A published workflow with this definition."""
    versions.forget_all()
    with workspace_scope(workspace.pk):
        workflow = workflow_create(name=name or f"Workflow {next(_numbers)}", draft=draft)
        workflow_publish(workflow=workflow)
        workflow.refresh_from_db()
        return workflow


def write(channel, text, sender="ada", at=None, **values):
    """The contact writes on the channel."""
    message = InboundMessage(
        external_id=f"in-{next(_numbers)}",
        sender=sender,
        sent_at=at or timezone.now(),
        text=text,
        sender_name=sender.capitalize(),
        **values,
    )
    with workspace_scope(channel.workspace_id):
        receive(channel, [message])
        return Contact.objects.get(identities__channel=channel, identities__address=sender)


def connect(contact, channel, address="ada"):
    """Give a contact an address on a channel and make it the last one used."""
    with workspace_scope(channel.workspace_id):
        identity = ContactIdentity.objects.create(
            workspace_id=channel.workspace_id,
            contact=contact,
            channel=channel,
            address=address,
            last_incoming_at=timezone.now(),
        )
        Contact.objects.filter(pk=contact.pk).update(last_channel=channel)
        return identity


def walk():
    """Let a worker do everything that is due."""
    return pull()


def journal(run):
    """Step ids, outlets and states of a run in order."""
    rows = StepExecution.objects.filter(run=run).order_by("seq")
    return [(row.step_id, row.outlet or row.status) for row in rows]


@contextmanager
def looking(workspace):
    """Look into a workspace."""
    with workspace_scope(workspace.pk):
        yield


def only_run(workspace):
    """The one run there is."""
    with workspace_scope(workspace.pk):
        return Run.objects.get()


def due_runs(workspace, workflow, number, step_id, *, at):
    """So many contacts stand at a step of the workflow, to be walked on since ``at``."""
    with looking(workspace):
        return Run.objects.bulk_create(
            Run(
                workspace=workspace,
                workflow=workflow,
                version_id=workflow.published_id,
                contact=contact,
                step_id=step_id,
                started_at=at,
                wake_at=at,
            )
            for contact in make_contacts(workspace, number)
        )
