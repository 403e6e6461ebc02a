"""Short ways to make conversations and everything around them, and channels that send into a list."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import count

from django.utils import timezone

from channels_app.contract import (
    Capabilities,
    ChannelAdapter,
    InboundMessage,
    NoConfig,
    SendReceipt,
    adapters,
)
from conversations.changes import AssignContact, CloseConversation, OpenConversation, QueueMessage
from conversations.models import Conversation
from conversations.services import (
    contacts_assign,
    conversations_close,
    conversations_open,
    messages_queue,
)
from isflow.kernel.actor import Actor
from isflow.workspaces.scope import workspace_scope
from tests.factories_contacts import make_channel, make_contact, make_identity, make_workspace

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
USER = Actor(source="user", user_id=None, name="Ada Agent")
FLOW = Actor(source="workflow", name="Welcome", workflow_id=7, run_id=70)

_numbers = count(1)


class FakeAdapter(ChannelAdapter[NoConfig]):
    """Sends nowhere."""

    label = "Fake"
    config_class = NoConfig

    def send(self, message, config, io):
        raise NotImplementedError


def fake_kind(key, **capabilities):
    """Register a kind of channel for a test; return its key."""
    kind = type(f"Fake{key.title()}", (FakeAdapter,), {"capabilities": Capabilities(**capabilities)})
    adapters.unregister(key)
    adapters.register(key)(kind)
    return key


class Provider:
    """Stands in for ``channels_app.services.send``: keeps what was sent, answers as told."""

    def __init__(self):
        self.sent = []
        self.answers = []
        self._lock = threading.Lock()

    def __call__(self, channel, message):
        with self._lock:
            self.sent.append((channel, message))
            answer = self.answers.pop(0) if self.answers else SendReceipt(f"out-{len(self.sent)}")
        if callable(answer):
            answer = answer()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def texts(self):
        return [message.text for _, message in self.sent]


class Site:
    """A workspace with one channel and contacts that are known there."""

    def __init__(self, *, kind="fake", contacts=1, name="Shop"):
        self.workspace = make_workspace(name)
        self.channel = make_channel(self.workspace, kind)
        self.contacts = [make_contact(self.workspace, first_name=f"C{n}") for n in range(contacts)]
        self.identities = [
            make_identity(contact, self.channel, f"+49170{next(_numbers):07}") for contact in self.contacts
        ]

    @property
    def contact(self):
        return self.contacts[0]

    @property
    def identity(self):
        return self.identities[0]

    def scope(self):
        return workspace_scope(self.workspace.pk)

    def opening(self, n=0, **values):
        values = {"at": NOON, "actor": USER, **values}
        return OpenConversation(self.contacts[n].pk, **values)

    def closing(self, n=0, **values):
        values = {"at": NOON + timedelta(hours=1), "actor": USER, **values}
        return CloseConversation(self.contacts[n].pk, **values)

    def assigning(self, user, n=0, **values):
        values = {"at": NOON, "actor": USER, **values}
        return AssignContact(self.contacts[n].pk, user.pk if user else None, **values)

    def message(self, n=0, **values):
        values = {"at": timezone.now(), "actor": FLOW, "text": "Hello", "key": f"k{next(_numbers)}", **values}
        return QueueMessage(self.contacts[n].pk, self.identities[n].pk, self.channel.pk, **values)

    def open(self, n=0, **values):
        with self.scope():
            conversations_open([self.opening(n, **values)])
            return Conversation.objects.get(contact=self.contacts[n], is_latest=True)

    def close(self, n=0, **values):
        with self.scope():
            return conversations_close([self.closing(n, **values)])

    def assign(self, user, n=0, **values):
        with self.scope():
            return contacts_assign([self.assigning(user, n, **values)])

    def queue(self, n=0, **values):
        with self.scope():
            row = self.message(n, **values)
            return messages_queue([row])[row.key]


def incoming(text="Hi", sender="+491701111111", **values):
    """Return a message as a provider tells it."""
    values = {"external_id": f"in-{next(_numbers)}", "sent_at": NOON, **values}
    return InboundMessage(sender=sender, text=text, **values)
