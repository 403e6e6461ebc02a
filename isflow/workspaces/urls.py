"""Pages of people and workspaces; full paths."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from isflow.workspaces.views import invitation, members, profile, settings, start

_workspace = [
    path("", start.workspace_home, name="workspace_home"),
    path("members/", members.member_list, name="member_list"),
    path("members/<int:member_id>/", members.member_edit, name="member_edit"),
    path("members/<int:member_id>/remove/", members.member_remove_view, name="member_remove"),
    path("members/invite/", members.invitation_new, name="invitation_new"),
    path("invitations/<int:invitation_id>/resend/", members.invitation_resend_view, name="invitation_resend"),
    path("invitations/<int:invitation_id>/revoke/", members.invitation_revoke_view, name="invitation_revoke"),
    path("teams/new/", members.team_edit, name="team_new"),
    path("teams/<int:team_id>/", members.team_edit, name="team_edit"),
    path("teams/<int:team_id>/delete/", members.team_delete_view, name="team_delete"),
    path("settings/", settings.workspace_settings, name="workspace_settings"),
    path("audit/", settings.audit_log, name="audit_log"),
    path("presence/", profile.presence_set, name="presence_set"),
    path("notifications/", profile.notification_list, name="notification_list"),
    path("notifications/unread/", profile.notification_unread, name="notification_unread"),
    path("notifications/read/", profile.notification_read_all, name="notification_read_all"),
    path("notifications/settings/", profile.notification_settings, name="notification_settings"),
    path("notifications/<int:notification_id>/", profile.notification_open, name="notification_open"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", start.home, name="home"),
    path("setup/", start.setup, name="setup"),
    path("workspaces/new/", start.workspace_new, name="workspace_create"),
    path("invite/<str:token>/", invitation.accept, name="invitation_accept"),
    path("profile/", profile.profile, name="profile"),
    path("w/<slug:slug>/", include(_workspace)),
]
