"""What a visitor may read of a conversation: the messages exchanged on their own address, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from channels_app.models import Channel
from contacts.models import ContactIdentity
from conversations.items import MessageItem
from conversations.models import Message

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages, oldest first, and whether there are more in the direction asked for."""

    messages: list[Message]
    more: bool


def identity_of(channel: Channel, address: str) -> ContactIdentity | None:
    """Return the identity behind a visitor's address; None before the first message."""
    return ContactIdentity.objects.filter(channel=channel, address=address).first()


def messages_page(identity: ContactIdentity, *, after: int | None = None, before: int | None = None) -> Page:
    """Return the newest messages, or those after or before an id."""
    rows = Message.objects.filter(contact_id=identity.contact_id, identity=identity)
    rows = rows.exclude(status=Message.Status.FAILED)
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: PAGE + 1])
        return Page(found[:PAGE], len(found) > PAGE)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: PAGE + 1])
    return Page(found[:PAGE][::-1], len(found) > PAGE)


def message_for_visitor(message: Message, address: str) -> dict[str, Any]:
    """Return what the visitor's browser learns of a message; ``client_id`` is the name it gave it."""
    external = message.external_id or ""
    prefix = client_key(address, "")
    named = message.direction == Message.Direction.IN and external.startswith(prefix)
    data = MessageItem.of(message).for_visitor()
    return {**data, "client_id": external.removeprefix(prefix) if named else None}


def client_key(address: str, client_id: str) -> str:
    """Return the external id of a visitor's message: sent twice, it is stored once."""
    return f"{address}:{client_id}"


def option_label(identity: ContactIdentity, option: str) -> str | None:
    """Return the label of a choice that the visitor was offered lately, or None."""
    rows = Message.objects.filter(
        contact_id=identity.contact_id, identity=identity, direction=Message.Direction.OUT
    )
    for content in rows.order_by("-pk").values_list("content", flat=True)[:PAGE]:
        for offered in content.get("options", ()):
            if offered["id"] == option:
                return str(offered["label"])
    return None
