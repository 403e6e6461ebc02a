"""Connects the workflows app to the facts that the apps below put on record."""

from __future__ import annotations

from conversations.inbound import inbound_gates
from conversations.signals import messages_settled
from isflow.workspaces.events import events_recorded
from workflows import probes
from workflows.engine.answers import settle, somebody_asked
from workflows.engine.events import store
from workflows.services.notices import register_kinds


def connect() -> None:
    """Listen; connecting twice changes nothing."""
    events_recorded.connect(store, dispatch_uid="workflows.store")
    messages_settled.connect(settle, dispatch_uid="workflows.settle")
    messages_settled.connect(probes.count_sends, dispatch_uid="workflows.count_sends")
    probes.register()
    register_kinds()
    if somebody_asked not in inbound_gates:
        inbound_gates.append(somebody_asked)
