"""Internal notes on contacts, and what has been read."""

from __future__ import annotations

from collections.abc import Sequence

from conversations.changes import AddComment
from conversations.content import storable
from conversations.items import CommentItem
from conversations.models import Comment
from conversations.payloads import comment_facts
from conversations.services.batch import Batch, batch_of

MAX_COMMENT = 2000


def comments_add(rows: Sequence[AddComment]) -> list[Comment]:
    """Put internal notes on contacts, in order; longer than 2,000 characters is cut, blank is left out."""
    if not rows:
        return []
    with batch_of([row.contact_id for row in rows], user_ids=[row.actor.user_id for row in rows]) as batch:
        comments = Comment.objects.bulk_create(
            [_comment(batch, row) for row in rows if row.contact_id in batch.contacts and row.text.strip()]
        )
        written = [row for row in rows if row.contact_id in batch.contacts and row.text.strip()]
        for comment, row in zip(comments, written, strict=True):
            comment_came(batch, comment, row)
    return comments


def comment_came(batch: Batch, comment: Comment, row: AddComment) -> None:
    """Put a stored note on record and show it."""
    batch.event("comment_created", comment.contact_id, comment_facts(comment), row.actor)
    batch.show(comment.contact_id, CommentItem.of(comment))


def conversation_mark_read(*, contact_id: int) -> bool:
    """Say that somebody has seen the contact's latest messages; False if nothing was unread."""
    with batch_of([contact_id]) as batch:
        conversation = batch.latest.get(contact_id)
        if conversation is None or not conversation.unread_count:
            return False
        conversation.unread_count = 0
        batch.counted[conversation.pk] = conversation
        batch.show(contact_id)
    return True


def _comment(batch: Batch, row: AddComment) -> Comment:
    return Comment(
        workspace_id=batch.workspace_id,
        contact=batch.contacts[row.contact_id],
        conversation=batch.latest.get(row.contact_id),
        author_id=row.actor.user_id,
        author_name=batch.name_of(row.actor)[:100],
        source=row.actor.source,
        text=storable(row.text).strip()[:MAX_COMMENT],
        created_at=row.at,
    )
