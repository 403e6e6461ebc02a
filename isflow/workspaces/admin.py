"""Admin pages of workspaces and people."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from isflow.workspaces.access import Permission
from isflow.workspaces.live import recheck_access
from isflow.workspaces.models import (
    AuditEntry,
    Invitation,
    LiveStream,
    Membership,
    Notification,
    Team,
    User,
    Workspace,
)
from isflow.workspaces.scoped_admin import ReadOnlyAdmin, ScopedAdmin, SystemAdmin, SystemReadOnlyAdmin

# Rights come from roles; Django's groups would only mislead.
if admin.site.is_registered(Group):
    admin.site.unregister(Group)


@admin.register(Team)
class TeamAdmin(ScopedAdmin[Team]):
    delete_permission = Permission.SETTINGS_DELETE
    list_display = ("name", "description")
    search_fields = ("name",)


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin[Membership]):
    view_permission = Permission.MEMBERS_MANAGE
    list_display = ("user", "role", "team", "presence", "created_at")
    list_filter = ("role", "presence")
    search_fields = ("user__email", "user__first_name", "user__last_name")
    list_select_related = ("user", "team")


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin[Invitation]):
    view_permission = Permission.MEMBERS_MANAGE
    list_display = ("email", "role", "invited_by", "created_at", "expires_at", "accepted_at")
    list_select_related = ("invited_by",)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin[AuditEntry]):
    view_permission = Permission.AUDIT_VIEW
    list_display = ("at", "user", "action", "target")
    list_filter = ("action",)
    search_fields = ("action", "target")
    list_select_related = ("user",)
    ordering = ("-pk",)


class MembershipInline(TabularInline):
    """Lets the operator put people into a workspace, for one that has lost its last owner."""

    model = Membership
    fields = ("user", "role")
    extra = 0
    autocomplete_fields = ("user",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return request.user.is_superuser

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission


@admin.register(Workspace)
class WorkspaceAdmin(SystemAdmin[Workspace]):
    list_display = ("name", "slug", "timezone", "created_at")
    search_fields = ("name", "slug")
    inlines = (MembershipInline,)


class UserForm(forms.ModelForm[User]):
    """A person as the operator edits one; the password is set by mail."""

    class Meta:
        model = User
        fields = ("email", "first_name", "last_name", "is_active", "is_superuser")
        help_texts = {
            "is_superuser": _("The operator of this installation: system pages, every workspace's settings."),
        }

    def clean_email(self) -> str:
        """Keep addresses in lower case, as login compares them."""
        return str(self.cleaned_data["email"]).lower()


@admin.register(User)
class UserAdmin(SystemAdmin[User]):
    form = UserForm
    list_display = ("email", "first_name", "last_name", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser")
    search_fields = ("email", "first_name", "last_name")
    ordering = ("email",)

    def save_model(self, request: HttpRequest, obj: User, form: UserForm, change: bool) -> None:  # noqa: FBT001
        """Give a new person no password (the reset page sets one); close sockets of one switched off."""
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        recheck_access([obj.pk])


@admin.register(Notification)
class NotificationAdmin(SystemReadOnlyAdmin[Notification]):
    # Titles may quote conversations, which are none of the operator's business.
    fields = ("workspace", "user", "kind", "created_at", "read_at", "email_wanted", "emailed_at")
    list_display = ("created_at", "workspace", "user", "kind", "read_at", "emailed_at")
    list_display_links = None
    list_select_related = ("workspace", "user")
    list_filter = ("kind",)


@admin.register(LiveStream)
class LiveStreamAdmin(SystemReadOnlyAdmin[LiveStream]):
    list_display = ("workspace", "name", "number")
    list_select_related = ("workspace",)
