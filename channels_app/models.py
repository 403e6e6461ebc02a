"""Connected accounts and what their providers delivered."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from isflow.infra.fields import EncryptedJSONField
from isflow.kernel.ids import new_token
from isflow.workspaces.scope import ScopedModel


class Channel(ScopedModel):
    """One connected account. ``kind`` is the adapter's key: plain text, a new kind needs no migration."""

    class Status(models.TextChoices):
        CONNECTED = "connected", _("Connected")
        DISCONNECTED = "disconnected", _("Disconnected")
        FAULTY = "faulty", _("Needs attention")

    kind = models.CharField(_("kind"), max_length=32)
    name = models.CharField(_("name"), max_length=100)
    token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    config = EncryptedJSONField(default=dict, blank=True)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.CONNECTED)
    last_error = models.CharField(max_length=500, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="channel_one_per_name")]

    def __str__(self) -> str:
        return self.name


class InboundDelivery(ScopedModel):
    """A provider's call exactly as received; stored before it is answered, read afterwards by a worker."""

    class Status(models.TextChoices):
        RECEIVED = "received", _("Received")
        PROCESSED = "processed", _("Processed")
        FAILED = "failed", _("Failed")

    # The index by age begins with the workspace.
    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    body = models.BinaryField()
    received_at = models.DateTimeField(auto_now_add=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.RECEIVED)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    # Digests of the senders whose later deliveries wait until this one, which failed, is read again.
    holds = models.JSONField(null=True, editable=False)
    processed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("inbound delivery")
        verbose_name_plural = _("inbound deliveries")
        indexes = [
            models.Index(
                fields=["workspace", "id"], condition=models.Q(status="received"), name="delivery_unprocessed"
            ),
            models.Index(fields=["workspace", "received_at"], name="delivery_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.received_at:%Y-%m-%d %H:%M:%S}"
