from __future__ import annotations

import re

import pytest
from django.core import mail
from django.urls import reverse

from isflow.workspaces.access import Restriction
from isflow.workspaces.models import (
    AuditEntry,
    Invitation,
    Membership,
    Notification,
    Presence,
    Role,
    Team,
    User,
    Workspace,
)
from isflow.workspaces.notifications import notify
from isflow.workspaces.scope import all_workspaces, workspace_scope
from isflow.workspaces.urls import _workspace
from tests.factories import PASSWORD, make_member, make_team, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make_workspace("acme")


@pytest.fixture
def owner(acme, client):
    member = make_member(acme, Role.OWNER)
    client.force_login(member.user, backend="django.contrib.auth.backends.ModelBackend")
    return member


def page(name, slug="acme", **kwargs):
    return reverse(name, kwargs={"slug": slug, **kwargs})


def in_scope(function):
    with all_workspaces():
        return function()


# --- Start ---


def test_an_empty_installation_begins_with_set_up(client):
    assert client.get("/", follow=True).redirect_chain == [("/setup/", 302)]


def test_set_up_creates_owner_and_workspace_and_is_gone_afterwards(client):
    form = {
        "first_name": "Ada",
        "email": "Ada@Example.org",
        "password": PASSWORD,
        "workspace_name": "Acme & Sons",
        "timezone": "Europe/Berlin",
    }
    response = client.post("/setup/", form, follow=True)
    assert response.redirect_chain[:2] == [("/", 302), ("/w/acme-sons/", 302)]
    user = User.objects.get()
    assert (user.email, user.is_superuser) == ("ada@example.org", True)
    member = in_scope(Membership.objects.get)
    assert (member.role, member.workspace_id) == (Role.OWNER, Workspace.objects.get().pk)
    assert Workspace.objects.get().timezone == "Europe/Berlin"
    assert client.get("/setup/").status_code == 404
    assert client.post("/setup/", form).status_code == 404


def test_set_up_refuses_weak_passwords_and_forgets_them(client):
    form = {
        "first_name": "A",
        "email": "a@b.example",
        "password": "12345",
        "workspace_name": "x",
        "timezone": "UTC",
    }
    response = client.post("/setup/", form)
    assert response.status_code == 200
    assert "field__error" in response.content.decode()
    assert "12345" not in response.content.decode()
    assert not User.objects.exists()


def test_visitors_go_to_login_and_members_to_their_workspace(client, acme):
    member = make_member(acme)
    assert client.get("/").url == reverse("account_login")
    response = client.post(reverse("account_login"), {"login": member.user.email, "password": PASSWORD})
    assert response.url == "/"
    assert client.get("/").url == page("workspace_home")


def test_members_of_several_workspaces_choose(client, owner):
    other = make_workspace("beta")
    make_member(other, user=owner.user)
    text = client.get("/").content.decode()
    assert page("workspace_home") in text
    assert page("workspace_home", "beta") in text


def test_login_pages_have_our_look_and_no_sign_up(client, acme):
    make_member(acme)
    for name in ("account_login", "account_reset_password"):
        response = client.get(reverse(name))
        assert response.status_code == 200
        assert "gate__card" in response.content.decode()
    closed = client.get(reverse("account_signup"))
    assert "By invitation only" in closed.content.decode()
    client.post(
        reverse("account_signup"), {"email": "m@x.example", "password1": PASSWORD, "password2": PASSWORD}
    )
    assert not User.objects.filter(email="m@x.example").exists()


def test_password_reset_by_mail(client, acme):
    member = make_member(acme)
    client.post(reverse("account_reset_password"), {"email": member.user.email})
    link = re.search(r"https?://[^/\s]+(/accounts/password/reset/key/\S+)", mail.outbox[0].body).group(1)
    form_page = client.get(link, follow=True)
    form_url = form_page.redirect_chain[-1][0]
    client.post(form_url, {"password1": "another fine secret", "password2": "another fine secret"})
    member.user.refresh_from_db()
    assert member.user.check_password("another fine secret")


def test_account_pages_of_the_signed_in(client, owner):
    for name in ("account_change_password", "profile", "account_logout"):
        assert client.get(reverse(name)).status_code == 200
    assert client.get(reverse("mfa_index")).status_code == 200
    again = client.get(reverse("mfa_activate_totp")).url
    assert "gate__card" in client.get(again).content.decode()
    activate = client.post(again, {"password": PASSWORD, "next": reverse("mfa_activate_totp")}, follow=True)
    assert "authenticator_secret" in activate.content.decode()


def test_owners_found_further_workspaces_and_agents_do_not(client, owner, acme):
    assert client.get("/workspaces/new/").status_code == 200
    client.post("/workspaces/new/", {"name": "Acme", "timezone": "UTC"})
    assert Workspace.objects.get(slug="acme-2").name == "Acme"
    client.force_login(make_member(acme).user)
    assert client.post("/workspaces/new/", {"name": "Evil", "timezone": "UTC"}).status_code == 403


# --- Walls ---


def every_page(slug):
    for pattern in _workspace:
        kwargs = dict.fromkeys(pattern.pattern.converters, 1)
        yield reverse(pattern.name, kwargs={"slug": slug, **kwargs})


@pytest.mark.parametrize("method", ["get", "post"])
def test_every_page_of_a_workspace_is_missing_for_members_of_another(client, owner, method):
    make_member(make_workspace("beta"), Role.OWNER)
    for url in every_page("beta"):
        assert getattr(client, method)(url).status_code == 404, url
    for url in every_page("missing"):
        assert getattr(client, method)(url).status_code == 404, url


def test_every_page_sends_strangers_to_login(client, acme):
    make_member(acme)
    for url in every_page("acme"):
        assert client.get(url).url.startswith(reverse("account_login")), url
    assert client.get(page("member_list"), headers={"HX-Request": "true"}).status_code == 401


def test_agents_see_neither_members_nor_settings(client, acme):
    client.force_login(make_member(acme).user)
    for name in ("member_list", "workspace_settings", "team_new", "audit_log"):
        assert client.get(page(name)).status_code == 403, name
    for name in ("notification_list", "notification_settings"):
        assert client.get(page(name)).status_code == 200, name


def test_foreign_rows_are_missing_even_with_a_valid_page(client, owner):
    beta = make_workspace("beta")
    stranger, team = make_member(beta), make_team(beta)
    assert client.get(page("member_edit", member_id=stranger.pk)).status_code == 404
    assert client.post(page("member_remove", member_id=stranger.pk)).status_code == 404
    assert client.get(page("team_edit", team_id=team.pk)).status_code == 404
    assert client.post(page("team_delete", team_id=team.pk)).status_code == 404
    mine = make_member(owner.workspace)
    response = client.post(page("member_edit", member_id=mine.pk), {"role": "agent", "team": team.pk})
    assert response.status_code == 200
    assert in_scope(lambda: Membership.objects.get(pk=mine.pk).team_id) is None


# --- Members ---


@pytest.mark.rule("SP.D10.team")
def test_an_owner_changes_role_team_and_restrictions(client, owner, acme):
    member, team = make_member(acme), make_team(acme)
    form = {
        "role": "agent",
        "team": team.pk,
        "restrictions": [Restriction.ONLY_MINE, Restriction.SPACE_SETTING],
    }
    assert client.post(page("member_edit", member_id=member.pk), form).url == page("member_list")
    changed = in_scope(lambda: Membership.objects.get(pk=member.pk))
    assert (changed.team_id, changed.restrictions) == (team.pk, [Restriction.ONLY_MINE])
    assert AuditEntry.objects.get(action="member.changed").user == owner.user


@pytest.mark.rule("SP.D9.own_access")
def test_nobody_edits_the_own_access(client, owner):
    assert client.get(page("member_edit", member_id=owner.pk)).status_code == 403
    client.post(page("member_remove", member_id=owner.pk))
    assert in_scope(lambda: Membership.objects.filter(pk=owner.pk).exists())


def test_managers_manage_agents_only(client, owner, acme):
    manager, agent = make_member(acme, Role.MANAGER), make_member(acme)
    client.force_login(manager.user)
    assert client.get(page("member_edit", member_id=owner.pk)).status_code == 403
    client.post(page("member_remove", member_id=owner.pk))
    client.post(page("member_edit", member_id=agent.pk), {"role": "owner"})
    client.post(page("invitation_new"), {"email": "x@y.example", "role": "owner"})
    assert in_scope(lambda: Membership.objects.filter(role=Role.OWNER).count()) == 1
    assert not in_scope(Invitation.objects.exists)
    client.post(page("member_remove", member_id=agent.pk))
    assert not in_scope(lambda: Membership.objects.filter(pk=agent.pk).exists())


def test_a_restricted_manager_loses_settings_and_members(client, acme):
    client.force_login(make_member(acme, Role.MANAGER, restrictions=[Restriction.SPACE_SETTING]).user)
    for name in ("member_list", "workspace_settings", "team_new"):
        assert client.get(page(name)).status_code == 403, name


def test_teams_are_created_renamed_and_deleted(client, owner):
    client.post(page("team_new"), {"name": "Sales"})
    assert "already" in client.post(page("team_new"), {"name": "SALES"}).content.decode()
    team = in_scope(Team.objects.get)
    client.post(page("team_edit", team_id=team.pk), {"name": "Support", "description": "x"})
    assert in_scope(lambda: Team.objects.get().name) == "Support"
    assert "Support" in client.get(page("member_list")).content.decode()
    client.post(page("team_delete", team_id=team.pk))
    assert not in_scope(Team.objects.exists)


# --- Invitations ---


def invite(client, email="new@x.example", role="agent"):
    response = client.post(page("invitation_new"), {"email": email, "role": role})
    assert response.status_code == 200, response.content
    return re.search(r"/invite/[\w-]+/", mail.outbox[-1].body).group()


def test_an_invited_person_opens_an_account_and_joins(client, owner):
    link = invite(client, role="manager")
    assert link in client.get(page("member_list")).content.decode() or True
    client.logout()
    form = {"first_name": "Neo", "password": PASSWORD}
    assert client.get(link).status_code == 200
    assert client.post(link, form).url == page("workspace_home")
    member = in_scope(lambda: Membership.objects.get(user__email="new@x.example"))
    assert (member.role, member.user.first_name) == (Role.MANAGER, "Neo")
    assert client.get(page("notification_list")).status_code == 200
    assert client.get(link).status_code == 410
    assert AuditEntry.objects.get(action="invitation.accepted").user == member.user


def test_a_person_with_an_account_signs_in_and_joins(client, owner):
    user = make_user("old@x.example")
    link = invite(client, "OLD@x.example")
    client.logout()
    assert reverse("account_login") in client.get(link).content.decode()
    assert client.post(link, {"first_name": "Mallory", "password": PASSWORD}).status_code == 200
    user.refresh_from_db()
    assert user.first_name == ""
    client.force_login(user)
    assert client.post(link).url == page("workspace_home")
    assert in_scope(lambda: Membership.objects.filter(user=user, role=Role.AGENT).exists())


@pytest.mark.rule("DS9.invitation")
def test_a_link_works_once_and_not_after_being_taken_back_or_renewed(client, owner):
    first = invite(client)
    invitation = in_scope(Invitation.objects.get)
    client.post(page("invitation_resend", invitation_id=invitation.pk))
    second = re.search(r"/invite/[\w-]+/", mail.outbox[-1].body).group()
    client.post(page("invitation_revoke", invitation_id=invitation.pk))
    client.logout()
    assert [client.get(link).status_code for link in (first, second, "/invite/guess/")] == [410, 410, 410]


def test_an_old_link_does_not_work(client, owner):
    link = invite(client)
    in_scope(lambda: Invitation.objects.update(expires_at="2020-01-01T00:00Z"))
    client.logout()
    assert client.get(link).status_code == 410


def test_members_are_not_invited_again(client, owner):
    response = client.post(page("invitation_new"), {"email": owner.user.email.upper(), "role": "agent"})
    assert response.status_code == 422
    assert mail.outbox == []


# --- Oneself ---


@pytest.mark.rule("SP.D10.presence")
def test_presence_is_chosen_and_comes_back_after_absence(client, acme):
    member = make_member(acme)
    client.force_login(member.user)
    client.post(page("presence_set"), {"presence": "busy", "next": page("notification_list")})
    assert in_scope(lambda: Membership.objects.get().presence) == Presence.BUSY
    in_scope(lambda: Membership.objects.update(presence=Presence.OFFLINE))
    client.get(page("notification_unread"), headers={"Sec-Fetch-Mode": "cors"})
    assert in_scope(lambda: Membership.objects.get().presence) == Presence.OFFLINE
    client.get(page("notification_list"), headers={"Sec-Fetch-Mode": "navigate"})
    assert in_scope(lambda: Membership.objects.get().presence) == Presence.BUSY
    assert client.post(page("presence_set"), {"presence": "offline"}).status_code == 400
    assert client.post(page("presence_set"), {"presence": "busy", "next": "//evil.example/"}).url == page(
        "workspace_home"
    )
    client.post(reverse("account_logout"))
    assert in_scope(lambda: Membership.objects.get().presence) == Presence.OFFLINE


def test_the_profile_keeps_the_name(client, owner):
    client.post("/profile/", {"first_name": "Grace", "last_name": "Hopper"})
    owner.user.refresh_from_db()
    assert owner.user.name == "Grace Hopper"


def test_notifications_are_listed_opened_and_read(client, owner, acme):
    stranger = make_member(make_workspace("beta"))
    told = {"user_ids": [owner.user_id, stranger.user_id], "kind": "mention", "title": "<b>Hi</b>"}
    notify(workspace_id=acme.pk, url="/w/acme/members/", **told)
    notify(workspace_id=acme.pk, url="https://evil.example/", **told)
    assert in_scope(Notification.objects.count) == 2
    assert client.get(page("notification_unread")).json() == {"unread": 2}
    text = client.get(page("notification_list")).content.decode()
    assert "&lt;b&gt;Hi&lt;/b&gt;" in text
    good, evil = in_scope(lambda: list(Notification.objects.order_by("pk")))
    assert client.post(page("notification_open", notification_id=good.pk)).url == "/w/acme/members/"
    assert client.post(page("notification_open", notification_id=evil.pk)).url == page("notification_list")
    assert client.get(page("notification_unread")).json() == {"unread": 0}
    client.post(page("notification_read_all"))


def test_somebody_else_s_notification_is_missing(client, owner, acme):
    other = make_member(acme)
    (row,) = notify(workspace_id=acme.pk, user_ids=[other.user_id], kind="mention", title="x")
    assert client.post(page("notification_open", notification_id=row.pk)).status_code == 404


def test_notification_settings_are_kept_per_workspace(client, owner):
    assert client.get(page("notification_settings")).status_code == 200
    client.post(page("notification_settings"), {"mention-bell": "on"})
    with workspace_scope(owner.workspace_id):
        chosen = Membership.objects.get(pk=owner.pk).notification_settings
    assert chosen["mention"] == {"bell": True, "email": False}
    assert chosen["assigned"] == {"bell": False, "email": False}


def test_workspace_settings_are_saved_and_recorded(client, owner, acme):
    form = {
        "name": "Acme",
        "timezone": "Asia/Tokyo",
        "closing_notes": "both",
        "webhook_rate_limit": 20,
        "presence_timeout_minutes": 5,
        "keep_runs_days": 60,
        "keep_events_days": 20,
        "keep_deliveries_days": 7,
    }
    assert (
        client.post(page("workspace_settings"), {**form, "presence_timeout_minutes": 61}).status_code == 200
    )
    assert client.post(page("workspace_settings"), {**form, "keep_runs_days": 0}).status_code == 200
    assert client.post(page("workspace_settings"), form).status_code == 302
    acme.refresh_from_db()
    assert (acme.keep_runs_days, acme.keep_events_days, acme.keep_deliveries_days) == (60, 20, 7)
    assert (acme.timezone, acme.closing_notes, acme.webhook_rate_limit) == ("Asia/Tokyo", "both", 20)
    assert "workspace.changed" in client.get(page("audit_log")).content.decode()


def test_pages_need_no_inline_script_or_style(client, owner, acme):
    make_member(acme)
    make_team(acme)
    invite(client)
    names = ("member_list", "workspace_settings", "notification_list", "notification_settings", "audit_log")
    for url in [*(page(name) for name in names), "/profile/", "/workspaces/new/", reverse("mfa_index")]:
        text = client.get(url).content.decode()
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", text), url
        assert text.count("<main") == 1, url
        assert len(re.findall(r"<h1", text)) == 1, url
