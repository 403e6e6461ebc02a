"""Delivery news from providers: states only move forward, in whatever order the news arrive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from channels_app.contract import InboundStatus
from channels_app.models import Channel
from conversations.content import stored_id
from conversations.items import MessageItem
from conversations.models import Message
from conversations.realtime import announce_item, announcing
from isflow.infra.db import update_many
from isflow.infra.prepared import Among, Given, Prepared, every
from isflow.workspaces.scope import current_workspace_id

LADDER: dict[str, int] = {"unknown": 0, "sent": 1, "failed": 2, "delivered": 3, "read": 4}
"""A message climbs only. Delivered beats failed: it did arrive after all; sent does not."""


def climb(current: str, news: str) -> str:
    """Return the state a message has after the news; anything not on the ladder changes nothing."""
    if current not in LADDER or news not in LADDER:
        return current
    return max(current, news, key=LADDER.__getitem__)


def statuses_apply(channel: Channel, items: Sequence[InboundStatus]) -> list[InboundStatus]:
    """Move messages up the ladder; return the news about messages that are not known. In the scope."""
    if not items:
        return []
    with announcing():
        rows = {
            str(row.external_id): row
            for row in _SENT(
                workspace=current_workspace_id(),
                channel=channel.pk,
                ids={stored_id(item.external_id) for item in items},
            )
        }
        before = {row.pk: str(row.status) for row in rows.values()}
        for item in items:
            if (message := rows.get(stored_id(item.external_id))) is not None:
                _apply(message, item)
        moved = [row for row in rows.values() if row.status != before[row.pk]]
        changed = update_many(
            Message,
            "id",
            ["status", "error"],
            [(row.pk, before[row.pk], row.status, row.error) for row in moved],
            fence=["status"],
        )
        for row in moved:
            if row.pk in changed:
                announce_item(row.workspace_id, MessageItem.of(row))
    return [item for item in items if stored_id(item.external_id) not in rows]


_SENT: Final = Prepared(
    lambda: (
        every(Message)
        .filter(
            Among("external_id", "ids"),
            workspace_id=Given("workspace"),
            channel_id=Given("channel"),
            direction=Message.Direction.OUT,
        )
        .select_for_update(of=("self",), no_key=True)
        .order_by("pk")
    )
)


def _apply(message: Message, item: InboundStatus) -> None:
    status = climb(message.status, item.status)
    if status != message.status:
        message.status = status
        message.error = item.error[:500] if status == Message.Status.FAILED else ""
