"""Lines of a thread that no other row tells."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact
from conversations.models.conversation import Source
from isflow.workspaces.scope import ScopedModel


class ThreadLine(ScopedModel):
    """Something that was done to a contact, shown between the messages. ``subject``: what it was done to."""

    class Event(models.TextChoices):
        """What was done."""

        AUTOMATION_STOPPED = "automation_stopped", _("Automation stopped")

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="lines")
    event = models.CharField(max_length=32, choices=Event.choices)
    subject = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=16, choices=Source.choices)
    by_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    by_name = models.CharField(max_length=100, blank=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("line of the thread")
        verbose_name_plural = _("lines of the thread")
        indexes = [models.Index(fields=["contact", "-at"], name="threadline_newest")]

    def __str__(self) -> str:
        return f"{self.get_event_display()} {self.subject}"
