from __future__ import annotations

import pytest

from isflow.workspaces.access import (
    APPLIES_TO,
    GRANTS,
    TAKEN_AWAY,
    Permission,
    Restriction,
    Visibility,
    allowed,
    grantable_roles,
    inbox_stream,
    may_manage,
    permissions_of,
    visibility,
)
from isflow.workspaces.models import Membership, Role

P = Permission

AGENT = {
    P.WORKSPACE_MEMBER,
    P.INBOX_VIEW,
    P.INBOX_REPLY,
    P.INBOX_ASSIGN,
    P.INBOX_CLOSE,
    P.CONTACTS_EDIT,
    P.CONTACTS_DELETE,
    P.DATA_EXPORT,
    P.WORKFLOWS_STOP_FOR_CONTACT,
    P.SHORTCUTS_USE,
}
MANAGER = set(P) - {P.SETTINGS_DELETE, P.CHANNELS_DELETE, P.SCRIPTS_EDIT, P.AUDIT_VIEW}


def member(role=Role.AGENT, restrictions=(), **fields):
    return Membership(pk=1, user_id=7, workspace_id=3, role=role, restrictions=list(restrictions), **fields)


@pytest.mark.rule("SP.D9.roles")
@pytest.mark.parametrize(
    ("role", "held"), [(Role.OWNER, set(P)), (Role.MANAGER, MANAGER), (Role.AGENT, AGENT)]
)
def test_each_role_holds_exactly_its_permissions(role, held):
    assert permissions_of(member(role)) == held


def test_every_permission_and_restriction_stands_in_the_tables():
    assert set(GRANTS) == set(P)
    assert set(TAKEN_AWAY) == set(APPLIES_TO) == set(Restriction)


def test_a_permission_outside_the_table_is_refused(monkeypatch):
    monkeypatch.delitem(GRANTS, P.INBOX_VIEW)
    assert not allowed(member(Role.OWNER), P.INBOX_VIEW)


@pytest.mark.rule("SP.D9.restrictions")
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("code", list(Restriction))
def test_a_restriction_takes_away_its_permissions_from_its_roles_only(role, code):
    before = permissions_of(member(role))
    lost = TAKEN_AWAY[code] if role in APPLIES_TO[code] else frozenset()
    assert permissions_of(member(role, [code])) == before - lost


def test_unknown_restrictions_in_old_rows_are_ignored():
    assert permissions_of(member(restrictions=["restrict_gravity"])) == AGENT


@pytest.mark.parametrize(
    ("role", "codes", "team", "seen", "stream"),
    [
        (Role.AGENT, [], 5, Visibility(everything=True), "inbox"),
        (Role.OWNER, [Restriction.ONLY_MINE], None, Visibility(everything=True), "inbox"),
        (Role.AGENT, [Restriction.ONLY_MINE], 5, Visibility(everything=False, user_id=7), "inbox:user:7"),
        (
            Role.AGENT,
            [Restriction.TEAM_CONTACTS],
            5,
            Visibility(everything=False, user_id=7, team_id=5),
            "inbox:team:5",
        ),
        (
            Role.AGENT,
            [Restriction.TEAM_CONTACTS],
            None,
            Visibility(everything=False, user_id=7),
            "inbox:user:7",
        ),
        (
            Role.AGENT,
            [Restriction.TEAM_CONTACTS, Restriction.ONLY_MINE],
            5,
            Visibility(everything=False, user_id=7),
            "inbox:user:7",
        ),
    ],
)
def test_who_sees_which_contacts_and_hears_which_inbox(role, codes, team, seen, stream):
    who = member(role, codes, team_id=team)
    assert visibility(who) == seen
    assert inbox_stream(who) == stream


def test_who_manages_whom():
    for role, managed in ((Role.OWNER, set(Role)), (Role.MANAGER, {Role.AGENT}), (Role.AGENT, set())):
        others = {other for other in Role if may_manage(member(role), Membership(pk=2, role=other))}
        assert others == managed
        assert set(grantable_roles(member(role))) == managed
    assert not may_manage(member(Role.OWNER), member(Role.OWNER))
