"""Short ways to make workspaces, channels, contacts and tags, and to see the events that a test caused."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count

from channels_app.models import Channel
from contacts.models import Contact, ContactField, ContactIdentity, Tag
from isflow.workspaces.events import events_recorded
from isflow.workspaces.models import Workspace
from isflow.workspaces.scope import workspace_scope

_numbers = count(1)


def make_workspace(name="Shop"):
    number = next(_numbers)
    return Workspace.objects.create(name=f"{name} {number}", slug=f"{name.lower()}-{number}")


def make_channel(workspace, kind="emulated_chat", **values):
    values.setdefault("name", f"Channel {next(_numbers)}")
    with workspace_scope(workspace.pk):
        return Channel.objects.create(workspace=workspace, kind=kind, **values)


def make_contact(workspace, first_name="Ada", **values):
    with workspace_scope(workspace.pk):
        return Contact.objects.create(workspace=workspace, first_name=first_name, **values)


def make_contacts(workspace, number):
    with workspace_scope(workspace.pk):
        return Contact.objects.bulk_create(
            Contact(workspace=workspace, first_name=f"C{n}") for n in range(number)
        )


def make_tag(workspace, name="vip"):
    with workspace_scope(workspace.pk):
        return Tag.objects.create(workspace=workspace, name=name)


def make_field(workspace, slug, kind="text", options=()):
    with workspace_scope(workspace.pk):
        return ContactField.objects.create(
            workspace=workspace, name=slug, slug=slug, kind=kind, options=list(options)
        )


def make_identity(contact, channel, address="+491700000001"):
    with workspace_scope(contact.workspace_id):
        return ContactIdentity.objects.create(
            workspace_id=contact.workspace_id, contact=contact, channel=channel, address=address
        )


@contextmanager
def recorded_events():
    """Collect the events recorded inside the block."""
    seen = []

    def receive(*, events, **_kwargs):
        seen.extend(events)

    events_recorded.connect(receive)
    try:
        yield seen
    finally:
        events_recorded.disconnect(receive)


@contextmanager
def failing_events():
    """Let every attempt to record an event fail."""

    def receive(**_kwargs):
        raise RuntimeError("no event today")

    events_recorded.connect(receive)
    try:
        yield
    finally:
        events_recorded.disconnect(receive)
