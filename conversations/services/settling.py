"""What a person found out about a message of which the machine could not know."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext as _

from conversations.items import MessageItem
from conversations.models import Message
from conversations.realtime import announce_item, announcing
from isflow.infra.db import compare_and_set
from isflow.kernel.errors import Conflict, NotFound
from isflow.workspaces.audit import audit


def message_mark_delivered(*, message_id: int) -> None:
    """Record that a message of unknown outcome did arrive; its run has gone on long ago and is not moved.

    NotFound if there is no such message, Conflict if its outcome is known.
    """
    message = Message.objects.filter(pk=message_id, direction=Message.Direction.OUT).first()
    if message is None:
        raise NotFound(_("There is no such message."))
    with announcing():
        marked = compare_and_set(
            message, status_in=[Message.Status.UNKNOWN], status=Message.Status.DELIVERED, error=""
        )
        if not marked:
            raise Conflict(_("What became of this message is known already."))
        audit("message.marked_delivered", str(message.pk), contact=message.contact_id)
        item = replace(MessageItem.of(message), status=str(Message.Status.DELIVERED), error="")
        announce_item(message.workspace_id, item)
