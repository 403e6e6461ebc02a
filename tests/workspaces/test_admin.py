from __future__ import annotations

import pytest
from django.contrib import admin
from django.urls import reverse

from isflow.workspaces.access import Restriction
from isflow.workspaces.guards import SESSION_KEY
from isflow.workspaces.models import AuditEntry, Membership, Role, Team, Workspace
from isflow.workspaces.scope import all_workspaces
from isflow.workspaces.scoped_admin import is_guarded
from tests.factories import make_member, make_team, make_user, make_workspace

pytestmark = pytest.mark.django_db

OURS = {"workspaces", "channels_app", "contacts", "conversations", "workflows"}


@pytest.fixture
def acme():
    return make_workspace("acme")


def sign_in(client, user):
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")


def url(name, *args):
    return reverse(f"admin:workspaces_{name}", args=args)


def test_every_admin_page_of_ours_is_scoped_or_the_operator_s():
    for model, page in admin.site._registry.items():
        if model._meta.app_label in OURS:
            assert is_guarded(page), page


def test_every_model_of_this_app_has_an_admin_page():
    registered = {
        model._meta.model_name for model in admin.site._registry if model._meta.app_label == "workspaces"
    }
    expected = {
        "auditentry",
        "invitation",
        "livestream",
        "membership",
        "notification",
        "team",
        "user",
        "workspace",
    }
    assert registered == expected


def test_visitors_use_the_one_login_page(client, acme):
    assert client.get(reverse("admin:index")).status_code == 302
    login = client.get(reverse("admin:login"))
    assert login.url.startswith(reverse("account_login"))


def test_agents_and_people_without_a_workspace_stay_outside(client, acme):
    for user in (make_member(acme).user, make_user("nobody@x.example")):
        sign_in(client, user)
        response = client.get(reverse("admin:index"), follow=True)
        assert response.status_code == 403


def test_an_owner_sees_and_edits_rows_of_the_own_workspace_only(client, acme):
    sign_in(client, make_member(acme, Role.OWNER).user)
    mine, foreign = make_team(acme, "Mine"), make_team(make_workspace("beta"), "Foreign")
    text = client.get(url("team_changelist")).content.decode()
    assert "Mine" in text
    assert "Foreign" not in text
    assert client.get(url("team_change", mine.pk)).status_code == 200
    for name in ("team_change", "team_delete", "team_history"):
        assert client.get(url(name, foreign.pk)).status_code == 302, name
    client.post(url("team_change", foreign.pk), {"name": "Stolen"})
    client.post(
        url("team_changelist"), {"action": "delete_selected", "_selected_action": [foreign.pk], "post": "yes"}
    )
    with all_workspaces():
        assert Team.objects.get(pk=foreign.pk).name == "Foreign"


def test_a_new_row_belongs_to_the_session_s_workspace(client, acme):
    sign_in(client, make_member(acme, Role.OWNER).user)
    beta = make_workspace("beta")
    client.post(url("team_add"), {"name": "Sales", "description": "", "workspace": beta.pk})
    with all_workspaces():
        assert Team.objects.get().workspace_id == acme.pk


def test_a_name_taken_in_this_workspace_is_a_message_not_a_crash(client, acme):
    sign_in(client, make_member(acme, Role.OWNER).user)
    make_team(make_workspace("beta"), "Sales")
    assert client.post(url("team_add"), {"name": "Sales", "description": ""}).status_code == 302
    response = client.post(url("team_add"), {"name": "SALES", "description": ""})
    assert response.status_code == 200


def test_the_switcher_changes_the_workspace_shown(client, acme):
    beta = make_workspace("beta")
    user = make_member(acme, Role.OWNER).user
    make_member(beta, Role.MANAGER, user=user)
    make_team(beta, "Betas")
    sign_in(client, user)
    assert "Betas" not in client.get(url("team_changelist")).content.decode()
    switch = reverse("admin:switch_workspace", args=["beta"])
    assert client.get(switch, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    client.get(switch)
    assert client.session[SESSION_KEY] == beta.pk
    assert "Betas" in client.get(url("team_changelist")).content.decode()
    assert client.get(reverse("admin:switch_workspace", args=["missing"])).status_code == 404


def test_visiting_a_workspace_s_pages_switches_too(client, acme):
    beta = make_workspace("beta")
    user = make_member(acme, Role.OWNER).user
    make_member(beta, Role.OWNER, user=user)
    sign_in(client, user)
    client.get("/w/beta/notifications/")
    assert client.session[SESSION_KEY] == beta.pk


def test_a_member_lowered_to_agent_leaves_the_admin_at_once(client, acme):
    member = make_member(acme, Role.MANAGER)
    sign_in(client, member.user)
    assert client.get(url("team_changelist")).status_code == 200
    with all_workspaces():
        Membership.objects.update(role=Role.AGENT)
    assert client.get(url("team_changelist")).status_code == 302


def test_restrictions_reach_the_admin(client, acme):
    sign_in(client, make_member(acme, Role.MANAGER, restrictions=[Restriction.SPACE_SETTING]).user)
    assert client.get(reverse("admin:index")).status_code == 200
    assert client.get(url("team_changelist")).status_code == 403


def test_only_owners_see_the_audit_log_and_nobody_changes_it(client, acme):
    entry = AuditEntry.objects.create(workspace=acme, action="test.done", target="me")
    AuditEntry.objects.create(workspace=make_workspace("beta"), action="test.elsewhere")
    sign_in(client, make_member(acme, Role.MANAGER).user)
    assert client.get(url("auditentry_changelist")).status_code == 403
    sign_in(client, make_member(acme, Role.OWNER).user)
    text = client.get(url("auditentry_changelist")).content.decode()
    assert "test.done" in text
    assert "test.elsewhere" not in text
    assert client.get(url("auditentry_change", entry.pk)).status_code == 200
    assert client.post(url("auditentry_change", entry.pk), {"action": "forged"}).status_code == 403
    assert client.post(url("auditentry_delete", entry.pk), {"post": "yes"}).status_code == 403


def test_owners_do_not_see_system_pages(client, acme):
    sign_in(client, make_member(acme, Role.OWNER).user)
    for name in (
        "workspace_changelist",
        "user_changelist",
        "livestream_changelist",
        "notification_changelist",
    ):
        assert client.get(url(name)).status_code == 403, name


def test_the_operator_sees_system_pages_and_no_workspace_s_rows(client, acme):
    make_team(acme)
    operator = make_user("root@x.example", is_superuser=True, is_staff=True)
    sign_in(client, operator)
    assert client.get(reverse("admin:index")).status_code == 200
    for name in (
        "workspace_changelist",
        "user_changelist",
        "livestream_changelist",
        "notification_changelist",
    ):
        assert client.get(url(name)).status_code == 200, name
    assert client.get(url("team_changelist")).status_code == 403
    assert client.get(url("user_change", operator.pk)).status_code == 200


def test_the_operator_can_give_a_workspace_an_owner(client, acme):
    operator = make_user("root@x.example", is_superuser=True, is_staff=True)
    person = make_user("p@x.example")
    sign_in(client, operator)
    page = url("workspace_change", acme.pk)
    assert client.get(page).status_code == 200
    form = {
        "name": acme.name,
        "slug": acme.slug,
        "timezone": "UTC",
        "closing_notes": "optional",
        "webhook_rate_limit": 10,
        "presence_timeout_minutes": 10,
        "keep_runs_days": 60,
        "keep_events_days": 20,
        "keep_deliveries_days": 7,
        "features": "[]",
        "membership_set-TOTAL_FORMS": 1,
        "membership_set-INITIAL_FORMS": 0,
        "membership_set-0-user": person.pk,
        "membership_set-0-role": "owner",
    }
    prefix = next(
        part.split('"')[0].removesuffix("-TOTAL_FORMS")
        for part in client.get(page).content.decode().split('name="')
        if part.split('"')[0].endswith("-TOTAL_FORMS")
    )
    form = {key.replace("membership_set", prefix): value for key, value in form.items()}
    response = client.post(page, form)
    assert response.status_code == 302, response.content.decode()[:3000]
    with all_workspaces():
        assert Membership.objects.get(user=person).role == Role.OWNER
    assert Workspace.objects.get().pk == acme.pk
