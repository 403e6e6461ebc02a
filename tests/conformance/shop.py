"""A small business to try rules on: a workspace, a chat, people, and words for what happens in it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from channels_app.models import Channel
from contacts.changes import FieldChange, TagChange
from contacts.models import Contact, Tag
from contacts.services import fields_set, tags_change
from conversations.changes import CloseConversation, OpenConversation
from conversations.models import Comment, Message
from conversations.services import conversations_close, conversations_open
from isflow.kernel.actor import Actor
from isflow.workspaces.models import Workspace
from tests.factories import make_member, make_workspace
from tests.factories_contacts import make_channel, make_field, make_tag
from tests.factories_workflows import document, looking, publish, walk, write
from workflows.engine import versions
from workflows.models import Decision, Run
from workflows.services import workflow_publish, workflow_save

WAIT = ("pause", "wait", {"duration": {"value": 1, "unit": "hours"}})


@dataclass
class Shop:
    workspace: Workspace
    channel: Channel
    vip: Tag

    def publish(self, trigger, *steps, **options):
        return publish(self.workspace, document(trigger, *steps, **options))

    def republish(self, workflow, draft):
        """Save a stopped workflow with another draft and publish it again."""
        versions.forget_all()
        workflow_save(workflow=workflow, draft=draft)
        workflow_publish(workflow=workflow)

    def hears(self, text="hello", sender="ada"):
        """The contact writes, and workers do what is due."""
        contact = write(self.channel, text, sender=sender)
        walk()
        return contact

    def by(self, source="user"):
        user = self.nora() if source == "user" else None
        return Actor(source=source, user_id=user.pk if user else None, name="Nora")

    def nora(self):
        with looking(self.workspace):
            known = getattr(self, "_nora", None)
        self._nora = known or make_member(self.workspace, "owner").user
        return self._nora

    def _do(self, service, row):
        with looking(self.workspace), transaction.atomic():
            service([row])
        walk()

    def opens(self, contact, source="user"):
        self._do(
            conversations_open,
            OpenConversation(contact.pk, timezone.now(), channel_id=self.channel.pk, actor=self.by(source)),
        )

    def closes(self, contact, source="user", **note):
        self._do(
            conversations_close, CloseConversation(contact.pk, timezone.now(), actor=self.by(source), **note)
        )

    def tags(self, contact, *, add=True, source="user"):
        self._do(
            tags_change, TagChange(contact.pk, self.vip.pk, self.vip.name, add=add, actor=self.by(source))
        )

    def sets(self, contact, slug, value):
        self._do(fields_set, FieldChange(contact.pk, slug, value, actor=self.by()))

    def runs(self, **conditions):
        with looking(self.workspace):
            return list(Run.objects.filter(**conditions).order_by("pk"))

    def ends(self):
        return [run.end_reason for run in self.runs(status="ended")]

    def said(self):
        """What the business wrote to its contacts, in order."""
        with looking(self.workspace):
            return list(Message.objects.filter(direction="out").order_by("pk").values_list("text", flat=True))

    def noted(self):
        with looking(self.workspace):
            return list(Comment.objects.order_by("pk").values_list("text", flat=True))

    def verdicts(self, kind):
        """What workflows made of the events of a kind, in order."""
        with looking(self.workspace):
            rows = Decision.objects.filter(event__kind=kind).order_by("event_id")
            return [verdict[1] for row in rows for verdict in row.verdicts]

    def contact(self):
        with looking(self.workspace):
            return Contact.objects.order_by("pk").last()


def make_shop():
    workspace = make_workspace()
    channel = make_channel(workspace, kind="web_chat")
    make_field(workspace, "plan")
    return Shop(workspace, channel, make_tag(workspace, "vip"))


def say(key, text):
    return (key, "send_message", {"default": {"text": text}})


def note(key, text):
    return (key, "add_comment", {"text": text})
