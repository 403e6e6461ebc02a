"""A message in either direction, with everything needed to send it exactly once or admit not to know."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from channels_app.models import Channel
from contacts.models import Contact, ContactIdentity
from conversations.models.conversation import Conversation, Source
from isflow.workspaces.scope import EventfulModel


class Message(EventfulModel):
    """One message. Outgoing: queued -> sending -> sent -> delivered -> read, or failed, or unknown."""

    class Direction(models.TextChoices):
        IN = "in", _("Incoming")
        OUT = "out", _("Outgoing")

    class Status(models.TextChoices):
        RECEIVED = "received", _("Received")
        QUEUED = "queued", _("Queued")
        SENDING = "sending", _("Sending")
        SENT = "sent", _("Sent")
        DELIVERED = "delivered", _("Delivered")
        READ = "read", _("Read")
        FAILED = "failed", _("Failed")
        UNKNOWN = "unknown", _("Unknown")

    # No index of its own: those of the thread begin with it.
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="messages", db_index=False)
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, null=True, blank=True, related_name="messages"
    )
    channel = models.ForeignKey(Channel, on_delete=models.SET_NULL, null=True, related_name="messages")
    identity = models.ForeignKey(ContactIdentity, on_delete=models.SET_NULL, null=True, related_name="+")
    direction = models.CharField(max_length=3, choices=Direction.choices)
    kind = models.CharField(max_length=16, default="text")
    text = models.TextField(blank=True)
    content = models.JSONField(default=dict, blank=True)
    source = models.CharField(max_length=16, choices=Source.choices)
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    sender_name = models.CharField(max_length=100, blank=True)
    workflow_id = models.BigIntegerField(null=True, blank=True)
    run_id = models.BigIntegerField(null=True, blank=True)

    key = models.CharField(max_length=64, null=True, blank=True, unique=True)
    external_id = models.CharField(max_length=200, null=True, blank=True)
    status = models.CharField(max_length=16, choices=Status.choices)
    error = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    lease_token = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(fields=["channel", "external_id"], name="message_one_per_external_id")
        ]
        indexes = [
            models.Index(fields=["contact", "-id"], name="message_newest"),
            models.Index(fields=["contact", "-created_at", "-id"], name="message_in_thread"),
            models.Index(
                fields=["channel", "id"],
                condition=models.Q(status__in=["queued", "sending"]),
                name="message_unsent_of_channel",
            ),
            # Whether an older message of the same contact still has to leave.
            models.Index(
                fields=["contact", "channel", "id"],
                condition=models.Q(status__in=["queued", "sending"]),
                name="message_unsent_of_contact",
            ),
            models.Index(
                fields=["workspace", "-id"], condition=models.Q(status="unknown"), name="message_unknown"
            ),
        ]

    def __str__(self) -> str:
        return self.text[:60]
