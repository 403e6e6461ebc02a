"""The conversations of the demo workspace over the last thirty days, written in a few statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final

from contacts.models import Contact, ContactIdentity, ContactTag
from conversations.models import Assignment, Comment, Conversation, Message, Participant, ParticipantType
from isflow.workspaces.models import User
from workflows.demo.crowd import bike, order_number
from workflows.demo.shop import Shop
from workflows.demo.stories import QUESTIONS, STORIES, Line, Story

HOW_MANY: Final = 250
OPEN: Final = 70
DAYS: Final = 30


@dataclass(slots=True)
class _Rows:
    """Everything that is to be written."""

    conversations: list[Conversation] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    participants: list[Participant] = field(default_factory=list)
    tags: list[ContactTag] = field(default_factory=list)
    contacts: dict[int, Contact] = field(default_factory=dict)


@dataclass(slots=True)
class _Author:
    """Tells stories with a seeded random source."""

    shop: Shop
    random: Random
    now: datetime
    identities: dict[int, ContactIdentity]
    rows: _Rows = field(default_factory=_Rows)

    def tell(self, contact: Contact, start: datetime, *, is_open: bool) -> datetime:
        """Write one conversation and return when it ended."""
        agent = self.shop.users[self.random.choice(("Omar", "Lena"))]
        is_unanswered = is_open and self.random.random() < 0.35  # noqa: PLR2004
        story = self._question() if is_unanswered else self._story(contact)
        lines = story.lines
        if is_open and len(lines) > 1:
            lines = lines[: self.random.randint(1, len(lines) - 1)]
        words = {
            "first": contact.first_name,
            "agent": agent.first_name,
            "bike": bike(self.random),
            "order": contact.custom.get("order_number") or order_number(self.random),
        }
        conversation = Conversation(
            workspace=self.shop.workspace,
            contact=contact,
            channel=self.shop.channel,
            opened_at=start,
            opened_source="contact",
            opened_by_name=contact.name,
            first_incoming_kind="text",
            last_activity_at=start,
        )
        self.rows.conversations.append(conversation)
        self._join(conversation, ParticipantType.CONTACT, contact.pk, contact.name)
        at = self._lines(conversation, contact, agent, lines, words)
        if not is_open:
            self._tag(contact, story)
            at += timedelta(minutes=self.random.uniform(1, 40))
            self._close(conversation, story, agent, at, words)
        conversation.last_activity_at = at
        return at

    def _story(self, contact: Contact) -> Story:
        return self.random.choice([story for story in STORIES if story.suits(contact.language)])

    def _question(self) -> Story:
        return Story("", "", (), (Line(">", self.random.choice(QUESTIONS)),))

    def _lines(
        self, row: Conversation, contact: Contact, agent: User, lines: Sequence[Line], words: dict[str, str]
    ) -> datetime:
        at = row.opened_at
        for number, line in enumerate(lines):
            if number:
                at = min(at + timedelta(minutes=self.random.uniform(0.4, 25)), self.now)
            text = line.text.format(**words)
            if line.who != ">" and row.contact.assignee_id is None:
                self._assign(row, contact, agent, at)
            if line.who == "#":
                self._comment(row, agent, text, at)
            else:
                self._message(row, contact, agent if line.who == "<" else None, text, at)
        return at

    def _message(
        self, row: Conversation, contact: Contact, agent: User | None, text: str, at: datetime
    ) -> None:
        self.rows.messages.append(
            Message(
                workspace=self.shop.workspace,
                contact=contact,
                conversation=row,
                channel=self.shop.channel,
                identity=self.identities[contact.pk],
                direction="out" if agent else "in",
                text=text,
                source="user" if agent else "contact",
                sender=agent,
                sender_name=agent.name if agent else contact.name,
                status="read" if agent else "received",
                created_at=at,
                sent_at=at if agent else None,
            )
        )
        row.last_message_at, row.last_message_text = at, text[:200]
        row.last_message_incoming = agent is None
        if agent:
            row.outgoing_count += 1
            row.unread_count = 0
            row.first_response_at = row.first_response_at or at
            return
        row.incoming_count += 1
        row.unread_count += 1
        row.first_incoming_text = row.first_incoming_text or text
        contact.last_incoming_at, contact.last_incoming_text = at, text[:500]
        self.identities[contact.pk].last_incoming_at = at
        self.rows.contacts[contact.pk] = contact

    def _assign(self, row: Conversation, contact: Contact, agent: User, at: datetime) -> None:
        contact.assignee, contact.assigned_at = agent, at
        self.rows.contacts[contact.pk] = contact
        self._join(row, ParticipantType.USER, agent.pk, agent.name)
        self._assigned(row, agent, agent, at)

    def _assigned(self, row: Conversation, user: User | None, by: User, at: datetime) -> None:
        self.rows.assignments.append(
            Assignment(
                workspace=self.shop.workspace,
                contact=row.contact,
                conversation=row,
                user=user,
                source="user",
                by_user=by,
                by_name=by.name,
                at=at,
            )
        )

    def _comment(self, row: Conversation, agent: User, text: str, at: datetime) -> None:
        self.rows.comments.append(
            Comment(
                workspace=self.shop.workspace,
                contact=row.contact,
                conversation=row,
                author=agent,
                author_name=agent.name,
                text=text,
                created_at=at,
            )
        )

    def _join(self, row: Conversation, kind: ParticipantType, ref: int, name: str) -> None:
        self.rows.participants.append(
            Participant(
                workspace=self.shop.workspace,
                conversation=row,
                type=kind,
                ref=str(ref),
                name=name,
                added_at=row.opened_at,
            )
        )

    def _tag(self, contact: Contact, story: Story) -> None:
        self.rows.tags += [
            ContactTag(workspace=self.shop.workspace, contact=contact, tag=self.shop.tags[name])
            for name in story.tags
        ]

    def _close(
        self, row: Conversation, story: Story, agent: User, at: datetime, words: dict[str, str]
    ) -> None:
        category = self.shop.categories.get(story.category)
        row.status = Conversation.Status.CLOSED
        row.closed_at, row.closed_source, row.closed_by, row.closed_by_name = at, "user", agent, agent.name
        row.category, row.category_name = category, story.category
        row.summary = story.summary.format(**words)
        row.unread_count = 0
        if row.contact.assignee_id:
            row.contact.assignee = row.contact.assigned_at = None
            self._assigned(row, None, agent, at)


def conversations_create(shop: Shop, contacts: Sequence[Contact], random: Random, now: datetime) -> None:
    """Write about 250 conversations of some of the contacts; no events, because nothing happens now."""
    identities = {row.contact_id: row for row in ContactIdentity.objects.filter(channel=shop.channel)}
    author = _Author(shop, random, now, identities)
    for contact, starts, ends_open in _plan(contacts, random, now):
        for number, start in enumerate(starts, start=1):
            author.tell(contact, start, is_open=ends_open and number == len(starts))
        for earlier in author.rows.conversations[-len(starts) : -1]:
            earlier.is_latest = False
    _write(author)


def _plan(
    contacts: Sequence[Contact], random: Random, now: datetime
) -> Iterator[tuple[Contact, list[datetime], bool]]:
    """Who talks when, and whether the last conversation is still open; two of one contact never overlap."""
    left, open_left = HOW_MANY, OPEN
    for contact in random.sample(list(contacts), len(contacts)):
        count = min(left, random.choices((1, 2, 3), (80, 15, 5))[0])
        if not count:
            return
        is_open = open_left > 0
        # The last two days belong to open conversations, some of them only minutes old.
        last = random.expovariate(1 / 9) if is_open else random.uniform(6, DAYS * 24)
        hours = sorted({min(last + 24 * number + random.random(), DAYS * 24) for number in range(count)})
        yield contact, [now - timedelta(hours=one, minutes=3) for one in reversed(hours)], is_open
        left, open_left = left - len(hours), open_left - is_open


def _write(author: _Author) -> None:
    rows = author.rows
    # Rows are numbered in the order of their time, as if they had come one by one.
    rows.conversations.sort(key=lambda row: row.opened_at)
    rows.messages.sort(key=lambda row: row.created_at)
    Conversation.objects.bulk_create(rows.conversations)
    Message.objects.bulk_create(rows.messages)
    Comment.objects.bulk_create(sorted(rows.comments, key=lambda row: row.created_at))
    Assignment.objects.bulk_create(sorted(rows.assignments, key=lambda row: row.at))
    Participant.objects.bulk_create(rows.participants)
    ContactTag.objects.bulk_create(rows.tags, ignore_conflicts=True)
    people = list(rows.contacts.values())
    Contact.objects.bulk_update(people, ["assignee", "assigned_at", "last_incoming_at", "last_incoming_text"])
    ContactIdentity.objects.bulk_update(
        [author.identities[contact.pk] for contact in people], ["last_incoming_at"]
    )
