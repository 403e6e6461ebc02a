"""A conversation: one episode from opening to closing, who took part, and what was noted."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from channels_app.models import Channel
from contacts.models import Contact
from isflow.workspaces.scope import EventfulModel, ScopedModel


class Source(models.TextChoices):
    """Who caused a change; stored with conversations, messages and assignments."""

    USER = "user", _("User")
    CONTACT = "contact", _("Contact")
    WORKFLOW = "workflow", _("Workflow")
    API = "api", _("API")
    ZAPIER = "zapier", _("Zapier")
    MAKE = "make", _("Make")
    CTC_ADS = "ctc_ads", _("Click-to-chat ads")
    BOT = "bot", _("Bot")
    BROADCAST = "broadcast", _("Broadcast")
    IMPORT = "import", _("Import")
    MERGE = "merge", _("Merge")
    SYSTEM = "system", _("System")


class ParticipantType(models.TextChoices):
    """What takes part in conversations."""

    CONTACT = "contact", _("Contact")
    USER = "user", _("User")
    BOT = "bot", _("Bot")
    FLOW = "flow", _("Workflow")
    ACCESS_KEY = "access_key", _("API token")
    CONNECTOR = "connector", _("Broadcast")
    CHANNEL = "channel", _("Echo")
    COLLABORATION_AUTOMATION = "collaboration_automation", _("Action rule")


class ClosingCategory(ScopedModel):
    """What a conversation was about; offered when closing."""

    name = models.CharField(_("name"), max_length=100)
    description = models.CharField(_("description"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("closing category")
        verbose_name_plural = _("closing categories")
        constraints = [
            models.UniqueConstraint("workspace", Lower("name"), name="closing_category_one_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class Conversation(EventfulModel):
    """One episode. A contact has many over time, at most one of them open, exactly one the latest."""

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        CLOSED = "closed", _("Closed")

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="conversations")
    channel = models.ForeignKey(Channel, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.OPEN)
    is_latest = models.BooleanField(default=True)
    # The latest conversation repeats its contact's assignee: one index leads to each list of the inbox.
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    opened_at = models.DateTimeField()
    opened_source = models.CharField(max_length=16, choices=Source.choices)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    opened_by_name = models.CharField(max_length=100, blank=True)
    first_incoming_text = models.TextField(blank=True)
    first_incoming_kind = models.CharField(max_length=16, blank=True)

    closed_at = models.DateTimeField(null=True, blank=True)
    closed_source = models.CharField(max_length=16, choices=Source.choices, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    closed_by_name = models.CharField(max_length=100, blank=True)
    category = models.ForeignKey(
        ClosingCategory, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    category_name = models.CharField(max_length=100, blank=True)
    summary = models.TextField(blank=True)

    first_response_at = models.DateTimeField(null=True, blank=True)
    incoming_count = models.PositiveIntegerField(default=0)
    outgoing_count = models.PositiveIntegerField(default=0)
    unread_count = models.PositiveIntegerField(default=0)
    last_message_at = models.DateTimeField(null=True, blank=True)
    last_message_text = models.CharField(max_length=200, blank=True)
    last_message_incoming = models.BooleanField(default=False)
    last_activity_at = models.DateTimeField()

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        constraints = [
            models.UniqueConstraint(
                fields=["contact"],
                condition=models.Q(status="open"),
                name="conversation_one_open_per_contact",
            ),
            models.UniqueConstraint(
                fields=["contact"],
                condition=models.Q(is_latest=True),
                name="conversation_one_latest_per_contact",
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "status", "-last_activity_at", "-id"],
                condition=models.Q(is_latest=True),
                name="conversation_inbox",
            ),
            models.Index(
                fields=["workspace", "status", "assignee", "-last_activity_at", "-id"],
                condition=models.Q(is_latest=True),
                name="conversation_of_assignee",
            ),
            models.Index(
                fields=["workspace", "assignee", "contact"],
                condition=models.Q(is_latest=True, status="open", unread_count__gt=0),
                name="conversation_unread",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contact} ({self.get_status_display()})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the row; a new one begins with its contact's assignee."""
        if self._state.adding:
            self.assignee_id = self.contact.assignee_id
        super().save(*args, **kwargs)

    @property
    def is_open(self) -> bool:
        """Whether the episode still goes on."""
        return self.status == self.Status.OPEN


class Participant(ScopedModel):
    """Somebody or something that takes part in a conversation."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="participants")
    type = models.CharField(max_length=32, choices=ParticipantType.choices)
    ref = models.CharField(max_length=64)
    name = models.CharField(max_length=200, blank=True)
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("participant")
        verbose_name_plural = _("participants")
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "type", "ref"],
                condition=models.Q(removed_at=None),
                name="participant_active_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_type_display()} {self.name}"


class Assignment(ScopedModel):
    """History of who was made responsible for a contact, by whom and when. No user: unassigned."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="assignments")
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, null=True, blank=True, related_name="assignments"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    source = models.CharField(max_length=16, choices=Source.choices)
    by_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    by_name = models.CharField(max_length=100, blank=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        indexes = [models.Index(fields=["contact", "-at"], name="assignment_newest")]

    def __str__(self) -> str:
        return f"{self.contact_id} -> {self.user_id}"


class Comment(EventfulModel):
    """An internal note on a contact; never sent."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="comments")
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, null=True, blank=True, related_name="comments"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    author_name = models.CharField(max_length=100, blank=True)
    source = models.CharField(max_length=16, choices=Source.choices, default=Source.USER)
    text = models.TextField(max_length=2000)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("comment")
        verbose_name_plural = _("comments")
        indexes = [models.Index(fields=["contact", "-created_at"], name="comment_newest")]

    def __str__(self) -> str:
        return self.text[:60]
