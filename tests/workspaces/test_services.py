from __future__ import annotations

import threading

import pytest
from django.db import connection

from isflow.kernel.errors import Conflict, Forbidden
from isflow.workspaces.models import Membership, Role, User, Workspace
from isflow.workspaces.scope import all_workspaces, workspace_scope
from isflow.workspaces.services.invitations import invitation_accept, invitation_create
from isflow.workspaces.services.members import member_change, member_remove
from isflow.workspaces.services.workspaces import Person, first_owner_create, workspace_create
from isflow.workspaces.signals import workspace_created
from tests.factories import PASSWORD, make_member, make_user, make_workspace


@pytest.mark.django_db
def test_only_the_first_set_up_wins():
    def set_up(email):
        return first_owner_create(person=Person(email, PASSWORD), workspace_name="Acme", timezone="UTC")

    set_up("a@x.example")
    with pytest.raises(Conflict):
        set_up("b@x.example")
    assert (User.objects.count(), Workspace.objects.count()) == (1, 1)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_two_set_ups_at_once_one_wins():
    barrier, outcomes = threading.Barrier(2), []

    def work(email):
        try:
            barrier.wait(5)
            first_owner_create(person=Person(email, PASSWORD), workspace_name="Acme", timezone="UTC")
            outcomes.append("won")
        except Conflict:
            outcomes.append("lost")
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(f"{name}@x.example",)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["lost", "won"]
    assert (User.objects.count(), Workspace.objects.count()) == (1, 1)


@pytest.mark.django_db
def test_addresses_of_workspaces_are_unique_and_readable():
    owner = make_user()
    names = ["Acme", "ACME!", "日本", "日本", "admin", "x" * 80]
    slugs = [workspace_create(owner=owner, name=name[:100]).slug for name in names]
    assert slugs == ["acme", "acme-2", "workspace", "workspace-2", "admin-2", "x" * 40]


@pytest.mark.django_db
def test_upper_apps_hear_of_a_new_workspace_inside_its_scope():
    heard = []

    def receiver(workspace, **kwargs):
        heard.append((workspace.slug, Membership.objects.count()))

    workspace_created.connect(receiver)
    try:
        workspace_create(owner=make_user(), name="Acme")
    finally:
        workspace_created.disconnect(receiver)
    assert heard == [("acme", 1)]


@pytest.mark.django_db
def test_two_owners_cannot_remove_each_other():
    workspace = make_workspace()
    one, two = make_member(workspace, Role.OWNER), make_member(workspace, Role.OWNER)
    with workspace_scope(workspace.pk):
        member_remove(by=one, member=two)
        with pytest.raises(Forbidden):
            member_remove(by=two, member=one)
        assert list(Membership.objects.all()) == [one]


@pytest.mark.django_db
def test_an_owner_lowered_meanwhile_changes_nothing():
    workspace = make_workspace()
    one, two, three = (make_member(workspace, Role.OWNER) for _ in range(3))
    with workspace_scope(workspace.pk):
        member_change(by=one, member=two, role=Role.AGENT, restrictions=[], team=None)
        with pytest.raises(Forbidden):
            member_change(by=two, member=three, role=Role.AGENT, restrictions=[], team=None)
        assert Membership.objects.filter(role=Role.OWNER).count() == 2


@pytest.mark.django_db
def test_an_invitation_is_accepted_once_and_a_member_keeps_the_role():
    workspace = make_workspace()
    owner = make_member(workspace, Role.OWNER)
    user = make_user("p@x.example")
    with workspace_scope(workspace.pk):
        sent = invitation_create(by=owner, email="p@x.example", role=Role.MANAGER)
    invitation_accept(invitation=sent.invitation, user=user)
    with pytest.raises(Conflict):
        invitation_accept(invitation=sent.invitation, user=make_user("q@x.example"))
    with workspace_scope(workspace.pk):
        sent = invitation_create(by=owner, email="other@x.example", role=Role.AGENT)
    invitation_accept(invitation=sent.invitation, user=user)
    with all_workspaces():
        assert Membership.objects.get(user=user).role == Role.MANAGER
        assert not Membership.objects.filter(user__email="q@x.example").exists()
