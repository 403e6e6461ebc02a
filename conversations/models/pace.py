"""How fast messages may leave: in the database, so that workers share it and restarts forget nothing."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from channels_app.models import Channel
from contacts.models import ContactIdentity
from isflow.workspaces.scope import ScopedModel


class ChannelPace(ScopedModel):
    """What a channel sent lately and how it fared. Nothing leaves before ``next_at``.

    ``recent``: list of [second of the epoch, number of messages]. ``failures``: seconds of the epoch of the
    failures since the last success; ``failed_at`` the last of them. ``open_since``: the provider is taken to
    be down and only tried with one message now and then.
    """

    channel = models.OneToOneField(Channel, on_delete=models.CASCADE, related_name="pace")
    next_at = models.DateTimeField(null=True)
    recent = models.JSONField(default=list)
    failures = models.JSONField(default=list)
    failed_at = models.DateTimeField(null=True)
    open_since = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("pace of a channel")
        verbose_name_plural = _("paces of channels")

    def __str__(self) -> str:
        return f"{self.channel_id}: {self.next_at}"


class RecipientPace(ScopedModel):
    """When the next message to one address may leave; only kept for channels that limit this."""

    identity = models.OneToOneField(ContactIdentity, on_delete=models.CASCADE, related_name="+")
    next_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("pace of a recipient")
        verbose_name_plural = _("paces of recipients")

    def __str__(self) -> str:
        return f"{self.identity_id}: {self.next_at}"
