"""Who takes part in conversations: joins and leaves of a batch, in order, each told once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from conversations.models import Conversation, Participant
from conversations.payloads import participant_facts
from isflow.infra.db import update_many
from isflow.infra.inserts import insert_many
from isflow.infra.prepared import Among, Given, Prepared, every
from isflow.kernel.actor import Actor
from isflow.workspaces.events import DomainEvent

_Who = tuple[str, str, str]
"""Type, reference and name of a participant."""


@dataclass(frozen=True, slots=True)
class _Move:
    conversation: Conversation
    who: _Who
    at: datetime
    actor: Actor
    joins: bool


@dataclass
class Presences:
    """Collects moves; ``finish()`` compares them with what is stored. The contacts must be locked."""

    moves: list[_Move] = field(default_factory=list)
    nobody_yet: set[int] = field(default_factory=set)
    """Conversations that have just been made: nobody can take part already."""

    def join(self, conversation: Conversation, who: _Who, at: datetime, actor: Actor) -> None:
        """Somebody takes part from now on; no change if they do already."""
        self.moves.append(_Move(conversation, who, at, actor, joins=True))

    def leave(self, conversation: Conversation, who: _Who, at: datetime, actor: Actor) -> None:
        """Somebody no longer takes part; no change if they do not."""
        self.moves.append(_Move(conversation, who, at, actor, joins=False))

    def finish(self, workspace_id: int) -> list[DomainEvent]:
        """Write rows, three statements at most, and return one event for each real change, in order."""
        if not self.moves:
            return []
        older = {move.conversation.pk for move in self.moves} - self.nobody_yet
        stored = _ACTIVE(workspace=workspace_id, ids=older) if older else []
        active = {(row.conversation_id, row.type, row.ref): row for row in stored}
        added: list[Participant] = []
        removed: list[Participant] = []
        events: list[DomainEvent] = []
        for move in self.moves:
            key = (move.conversation.pk, *move.who[:2])
            if move.joins == (key in active):
                continue
            if move.joins:
                row = active[key] = _participant(workspace_id, move)
                added.append(row)
            else:
                row = active.pop(key)
                row.removed_at = move.at
                if row.pk:
                    removed.append(row)
            events.append(_event(workspace_id, row, move))
        self.moves = []
        insert_many(added)
        if removed:
            update_many(Participant, "id", ["removed_at"], [(row.pk, row.removed_at) for row in removed])
        return events


_ACTIVE = Prepared(
    lambda: every(Participant).filter(
        Among("conversation_id", "ids"), workspace_id=Given("workspace"), removed_at=None
    )
)


def _participant(workspace_id: int, move: _Move) -> Participant:
    kind, ref, name = move.who
    return Participant(
        workspace_id=workspace_id,
        conversation=move.conversation,
        type=kind,
        ref=ref,
        name=name[:200],
        added_at=move.at,
    )


def _event(workspace_id: int, row: Participant, move: _Move) -> DomainEvent:
    kind = "participant_added" if move.joins else "participant_removed"
    facts = participant_facts(row, move.conversation)
    return DomainEvent(kind, workspace_id, move.conversation.contact_id, facts, move.actor)
