from __future__ import annotations

from datetime import timedelta

import pytest

from conversations import inbound
from conversations.changes import AddComment
from conversations.models import Conversation
from conversations.selectors import (
    contact_for,
    inbox_counts,
    inbox_page,
    may_see,
    thread_items,
)
from conversations.services import comments_add, conversations_open
from conversations.streams import _may_hear_inbox, _may_hear_thread
from isflow.workspaces.models import Role
from tests.factories import make_member, make_team
from tests.factories_conversations import NOON, Site, incoming


@pytest.fixture
def crowd(db):
    """Four contacts, each with a conversation one minute younger than the one before."""
    site = Site(contacts=4)
    with site.scope():
        conversations_open([site.opening(n, at=NOON + timedelta(minutes=n)) for n in range(4)])
    return site


@pytest.fixture
def owner(crowd):
    return make_member(crowd.workspace, Role.OWNER)


@pytest.fixture
def agent_of(crowd):
    return make_member(crowd.workspace).user


def names(page):
    return [row.name for row in page.rows]


def test_the_list_is_newest_first_and_goes_on_page_by_page(crowd, owner):
    with crowd.scope():
        first = inbox_page(owner, limit=3)
        second = inbox_page(owner, limit=3, after=first.next_cursor)
    assert names(first) == ["C3", "C2", "C1"]
    assert names(second) == ["C0"]
    assert second.next_cursor is None


def test_the_list_costs_one_statement(crowd, owner, django_assert_num_queries):
    with crowd.scope(), django_assert_num_queries(1):
        inbox_page(owner)
    with crowd.scope(), django_assert_num_queries(4):
        inbox_counts(owner)
    with crowd.scope(), django_assert_num_queries(2):
        inbox_page(owner, search="c")


def test_a_search_that_finds_many_shows_the_same(crowd, owner, monkeypatch):
    with crowd.scope():
        few = inbox_page(owner, search="c", limit=3)
        monkeypatch.setattr("conversations.selectors.FEW_CONTACTS", 1)
        assert inbox_page(owner, search="c", limit=3) == few
        assert names(inbox_page(owner, search="c2")) == ["C2"]


@pytest.mark.parametrize("tab", ["all", "unassigned"])
def test_pages_follow_each_other_within_one_instant(crowd, owner, tab):
    with crowd.scope():
        Conversation.objects.update(last_activity_at=NOON)
        first = inbox_page(owner, tab=tab, limit=2)
        second = inbox_page(owner, tab=tab, limit=2, after=first.next_cursor)
    assert names(first) + names(second) == ["C3", "C2", "C1", "C0"]


def test_the_latest_conversation_knows_whose_it_is(crowd, owner, agent_of):
    crowd.assign(owner.user, 1)
    with crowd.scope():
        crowd.contacts[1].refresh_from_db()
        assert latest(crowd, 1).assignee_id == owner.user_id
    crowd.close(1)
    with crowd.scope():
        conversations_open([crowd.opening(1, at=NOON + timedelta(hours=1))])
        assert latest(crowd, 1).assignee_id == owner.user_id
        contact = crowd.contacts[1]
        contact.assignee = agent_of
        contact.save()
        assert latest(crowd, 1).assignee_id == agent_of.pk
    crowd.assign(None, 1)
    with crowd.scope():
        assert latest(crowd, 1).assignee_id is None
        assert names(inbox_page(owner, tab="unassigned")) == ["C1", "C3", "C2", "C0"]


def latest(site, n):
    return Conversation.objects.get(contact=site.contacts[n], is_latest=True)


def test_tabs_status_and_search(crowd, owner):
    crowd.assign(owner.user, 1)
    crowd.close(2)
    with crowd.scope():
        assert names(inbox_page(owner, tab="mine")) == ["C1"]
        assert names(inbox_page(owner, tab="unassigned")) == ["C3", "C0"]
        assert names(inbox_page(owner, status="closed")) == ["C2"]
        assert names(inbox_page(owner, search="c3")) == ["C3"]
        assert names(inbox_page(owner, search="3")) == []
        counts = inbox_counts(owner)
    assert (counts.all, counts.mine, counts.unassigned) == (3, 1, 2)


def test_blocked_contacts_have_their_own_tab(crowd, owner):
    with crowd.scope():
        type(crowd.contact).objects.filter(pk=crowd.contact.pk).update(is_blocked=True)
        assert "C0" not in names(inbox_page(owner))
        assert names(inbox_page(owner, tab="blocked")) == ["C0"]


def test_restricted_members_see_their_part_only(crowd):
    team = make_team(crowd.workspace)
    mine = make_member(crowd.workspace, restrictions=["show_only_mine"], team=team)
    mate = make_member(crowd.workspace, restrictions=["show_team_contacts"], team=team)
    crowd.assign(mine.user, 1)
    crowd.assign(mate.user, 2)
    with crowd.scope():
        assert names(inbox_page(mine)) == ["C1"]
        assert names(inbox_page(mate)) == ["C2", "C1"]
        assert inbox_counts(mine).all == 1
        for n, (by_mine, by_mate) in enumerate([(False, False), (True, True), (False, True)]):
            contact = type(crowd.contact).objects.get(pk=crowd.contacts[n].pk)
            assert may_see(mine, contact) is by_mine
            assert may_see(mate, contact) is by_mate
            assert (contact_for(mine, contact.pk) is not None) is by_mine
            assert _may_hear_thread(mate, str(contact.pk)) is by_mate
        assert _may_hear_inbox(mine, f"user:{mine.user_id}")
        assert not _may_hear_inbox(mine, "")
        assert not _may_hear_inbox(mine, f"user:{mate.user_id}")
        assert _may_hear_inbox(mate, f"team:{team.pk}")
        assert not _may_hear_thread(mate, "nonsense")


def test_workspaces_do_not_see_each_other(crowd, rival):
    stranger = make_member(rival.workspace, Role.OWNER)
    rival.open()
    with rival.scope():
        assert len(inbox_page(stranger).rows) == 1
        assert contact_for(stranger, crowd.contact.pk) is None
        assert not _may_hear_thread(stranger, str(crowd.contact.pk))
        assert thread_items(crowd.contact).items == ()
    assert not may_see(stranger, crowd.contact)


def test_the_thread_holds_everything_in_order(site, agent):
    inbound.receive(site.channel, [incoming("Hi", sender=site.identity.address)])
    with site.scope():
        start = Conversation.objects.get().opened_at
    site.assign(agent, at=start + timedelta(seconds=1))
    site.queue(text="Hello", at=start + timedelta(seconds=2))
    with site.scope():
        comments_add([AddComment(site.contact.pk, "note", start + timedelta(seconds=3))])
    site.close(at=start + timedelta(seconds=4), summary="Done")

    with site.scope():
        whole = thread_items(site.contact)
        seen, cursor = [], None
        while True:
            page = thread_items(site.contact, before=cursor, limit=2)
            seen = [*page.items, *seen]
            cursor = page.before
            if cursor is None:
                break
    shapes = [(item.type, getattr(item, "event", None)) for item in whole.items]
    assert shapes == [
        ("line", "opened"),
        ("message", None),
        ("line", "assigned"),
        ("message", None),
        ("comment", None),
        ("line", "closed"),
    ]
    assert tuple(seen) == whole.items
    assert whole.items[-1].to_json()["summary"] == "Done"
    assert whole.items[2].user == agent.name


def test_the_thread_costs_six_statements(site, django_assert_num_queries):
    site.open()
    for _ in range(10):
        site.queue()
    with site.scope(), django_assert_num_queries(6):
        assert len(thread_items(site.contact).items) == 11
