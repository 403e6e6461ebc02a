"""Sending what a member writes: by which address, under which name."""

from __future__ import annotations

from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from channels_app.models import Channel
from contacts.models import Contact, ContactIdentity
from conversations.changes import QueueMessage
from conversations.models import Message
from conversations.services import messages_queue
from isflow.kernel.errors import Rejected


def identities_of(contact: Contact) -> list[ContactIdentity]:
    """Return the addresses by which the contact can be reached, the one last used first."""
    rows = ContactIdentity.objects.filter(contact=contact).exclude(
        channel__status=Channel.Status.DISCONNECTED
    )
    return list(rows.select_related("channel").order_by(F("last_incoming_at").desc(nulls_last=True), "-pk"))


def reply_send(*, contact: Contact, text: str, key: str, identity_id: int | None) -> Message:
    """Queue a reply; the same key again returns the same message. It opens a closed conversation."""
    identity = _chosen(identities_of(contact), identity_id)
    row = QueueMessage(
        contact_id=contact.pk,
        identity_id=identity.pk,
        channel_id=identity.channel_id,
        key=key,
        at=timezone.now(),
        text=text,
        opens_conversation=True,
    )
    queued = messages_queue([row]).get(key)
    if queued is None:
        raise Rejected(_("The contact no longer exists."))
    return Message.objects.get(pk=queued.message_id)


def _chosen(identities: list[ContactIdentity], wanted: int | None) -> ContactIdentity:
    found = [one for one in identities if wanted is None or one.pk == wanted]
    if not found:
        raise Rejected(_("No connected channel reaches this contact."))
    return found[0]
