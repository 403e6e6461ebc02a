"""The workflow staff own, and its published versions, which never change."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from isflow.infra.fields import EncryptedTextField
from isflow.kernel.ids import new_token, token_digest
from isflow.workspaces.scope import ScopedModel


class Workflow(ScopedModel):
    """A named automation: a draft that staff edit, and at most one published version that runs."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")
        STOPPED = "stopped", _("Stopped")

    name = models.CharField(_("name"), max_length=100)
    description = models.CharField(_("description"), max_length=300, blank=True)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.DRAFT)
    draft = models.JSONField(_("definition"), default=dict, blank=True)
    published = models.ForeignKey(
        "workflows.WorkflowVersion", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    allow_stop_for_contact = models.BooleanField(
        _("allow users to stop this workflow for a contact"), default=False
    )
    exit_conditions = models.JSONField(_("exit conditions"), default=dict, blank=True)
    webhook_token = EncryptedTextField(default=new_token, editable=False)
    webhook_digest = models.CharField(max_length=64, unique=True, editable=False)

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("date created"), auto_now_add=True)
    saved_at = models.DateTimeField(_("last saved"), auto_now=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("last published by"),
    )
    published_at = models.DateTimeField(_("last published"), null=True, blank=True)

    class Meta:
        verbose_name = _("workflow")
        verbose_name_plural = _("workflows")
        constraints = [models.UniqueConstraint("workspace", Lower("name"), name="workflow_one_per_name")]
        indexes = [
            models.Index(
                fields=["workspace"], condition=models.Q(status="published"), name="workflow_published"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **kwargs: object) -> None:
        if not self.webhook_digest:
            self.webhook_digest = token_digest(self.webhook_token)
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    @property
    def is_published(self) -> bool:
        """Whether events start it now."""
        return self.status == self.Status.PUBLISHED


class WorkflowVersion(ScopedModel):
    """One published definition, for ever as it was. Runs are pinned to it; workers cache it by id."""

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    trigger_type = models.CharField(max_length=64)
    event_kind = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("workflow version")
        verbose_name_plural = _("workflow versions")
        constraints = [models.UniqueConstraint(fields=["workflow", "number"], name="version_one_per_number")]

    def __str__(self) -> str:
        return f"{self.workflow} v{self.number}"

    def save(self, *args: object, **kwargs: object) -> None:
        if not self._state.adding:
            raise TypeError("A published version never changes; publish a new one.")
        super().save(*args, **kwargs)  # type: ignore[arg-type]
