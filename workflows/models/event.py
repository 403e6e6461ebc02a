"""Committed facts that may fire triggers, and what each workflow made of them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact
from isflow.workspaces.scope import ScopedModel


class Event(ScopedModel):
    """One fact, written in the transaction of the change. ``depth``: workflows that led to it in a row."""

    # The index by age begins with the workspace.
    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=64)
    payload = models.JSONField(default=dict)
    source = models.CharField(max_length=16)
    user_id = models.BigIntegerField(null=True)
    workflow_id = models.BigIntegerField(null=True)
    run_id = models.BigIntegerField(null=True)
    depth = models.PositiveSmallIntegerField(default=0)
    at = models.DateTimeField()
    is_pending = models.BooleanField(default=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(
                fields=["workspace", "id"], condition=models.Q(is_pending=True), name="event_pending"
            ),
            models.Index(
                fields=["contact", "id"], condition=models.Q(is_pending=True), name="event_pending_of_contact"
            ),
            models.Index(fields=["contact", "-at"], name="event_newest"),
            models.Index(fields=["workspace", "at"], name="event_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class Decision(ScopedModel):
    """What became of one event: a verdict for every workflow that listens to its kind.

    ``verdicts``: list of [version id, verdict, index of the first failing condition or null, reason]; where
    several say the same, a list of their ids. ``unfold()`` gives one row for each.
    """

    event = models.OneToOneField(Event, on_delete=models.CASCADE, related_name="decision")
    verdicts = models.JSONField(default=list)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")

    def __str__(self) -> str:
        return f"{self.event_id}: {len(self.verdicts)}"
