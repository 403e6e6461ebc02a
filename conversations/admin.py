"""Plain admin pages for the operator and for managers; agents work in the inbox."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.http import HttpRequest

from conversations.models import (
    Assignment,
    ChannelPace,
    ClosingCategory,
    Comment,
    Conversation,
    Message,
    Participant,
)
from isflow.workspaces.access import Permission
from isflow.workspaces.scoped_admin import ReadOnlyAdmin, ScopedAdmin

_BY_CONTACT = ("contact__first_name", "contact__last_name", "contact__email", "contact__phone")


@admin.register(ClosingCategory)
class ClosingCategoryAdmin(ScopedAdmin[ClosingCategory]):
    list_display = ("name", "description")
    search_fields = ("name", "description")


@admin.register(Conversation)
class ConversationAdmin(ScopedAdmin[Conversation]):
    """Closing, reopening and the closing note may be put right here; a change of status fires triggers."""

    view_permission: ClassVar[Permission] = Permission.CONTACTS_VIEW
    edit_permission: ClassVar[Permission | None] = Permission.CONTACTS_EDIT
    delete_permission: ClassVar[Permission | None] = None
    list_display = ("contact", "status", "channel", "opened_at", "closed_at", "category_name")
    list_filter = ("status", "opened_source", "closed_source")
    list_select_related = ("contact", "channel")
    search_fields = _BY_CONTACT
    date_hierarchy = "opened_at"
    fields = (
        "contact",
        "status",
        "category",
        "summary",
        "channel",
        ("opened_at", "opened_source", "opened_by_name"),
        ("closed_at", "closed_source", "closed_by_name"),
        "first_response_at",
        ("incoming_count", "outgoing_count"),
        "last_activity_at",
    )
    readonly_fields = (
        "contact",
        "channel",
        "opened_at",
        "opened_source",
        "opened_by_name",
        "closed_at",
        "closed_source",
        "closed_by_name",
        "first_response_at",
        "incoming_count",
        "outgoing_count",
        "last_activity_at",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        return False


class _HistoryAdmin:
    """Who may look at what has happened."""

    view_permission: ClassVar[Permission] = Permission.CONTACTS_VIEW


@admin.register(Message)
class MessageAdmin(_HistoryAdmin, ReadOnlyAdmin[Message]):
    list_display = ("created_at", "contact", "direction", "kind", "text", "status", "channel", "sender_name")
    list_filter = ("direction", "status", "source", "kind")
    list_select_related = ("contact", "channel")
    search_fields = ("text", "external_id", *_BY_CONTACT)
    exclude = ("lease_token", "lease_until")


@admin.register(Participant)
class ParticipantAdmin(_HistoryAdmin, ReadOnlyAdmin[Participant]):
    list_display = ("conversation", "type", "name", "added_at", "removed_at")
    list_filter = ("type",)
    list_select_related = ("conversation__contact",)
    search_fields = ("name",)


@admin.register(Assignment)
class AssignmentAdmin(_HistoryAdmin, ReadOnlyAdmin[Assignment]):
    list_display = ("at", "contact", "user", "source", "by_name")
    list_filter = ("source",)
    list_select_related = ("contact", "user")
    search_fields = ("by_name", *_BY_CONTACT)


@admin.register(Comment)
class CommentAdmin(_HistoryAdmin, ReadOnlyAdmin[Comment]):
    list_display = ("created_at", "contact", "author_name", "text")
    list_filter = ("source",)
    list_select_related = ("contact",)
    search_fields = ("text", "author_name")


@admin.register(ChannelPace)
class ChannelPaceAdmin(ReadOnlyAdmin[ChannelPace]):
    """How channels fare: which provider is taken to be down, and when the next message may leave."""

    view_permission: ClassVar[Permission] = Permission.CHANNELS_VIEW
    list_display = ("channel", "open_since", "failed_at", "next_at")
    list_select_related = ("channel",)
