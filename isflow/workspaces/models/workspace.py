"""The tenant and the record of what was done in it."""

from __future__ import annotations

from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from isflow.kernel.ids import new_token

DAYS = (MinValueValidator(1), MaxValueValidator(3_650))


def check_time_zone(name: str) -> None:
    """Refuse a name that is no IANA time zone."""
    if name not in available_timezones():
        raise ValidationError(
            _("“%(name)s” is not a time zone such as Europe/Berlin."), params={"name": name}
        )


def new_public_id() -> str:
    """Make an unguessable id for addresses that strangers see."""
    return new_token(12)


class Workspace(models.Model):
    """A tenant: contacts, channels, people and workflows live in exactly one."""

    class ClosingNotes(models.TextChoices):
        DISABLED = "disabled", _("Disabled")
        OPTIONAL = "optional", _("Optional")
        CATEGORY = "category", _("Category required")
        BOTH = "both", _("Category and summary required")

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("address"), max_length=50, unique=True)
    public_id = models.CharField(max_length=32, unique=True, default=new_public_id, editable=False)
    timezone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[check_time_zone])
    closing_notes = models.CharField(
        _("closing notes"), max_length=16, choices=ClosingNotes.choices, default=ClosingNotes.OPTIONAL
    )
    webhook_rate_limit = models.PositiveIntegerField(_("webhook calls per second and address"), default=10)
    presence_timeout_minutes = models.PositiveSmallIntegerField(_("minutes until offline"), default=10)
    keep_runs_days = models.PositiveSmallIntegerField(
        _("days to keep finished runs"), default=90, validators=DAYS
    )
    keep_events_days = models.PositiveSmallIntegerField(_("days to keep events"), default=30, validators=DAYS)
    keep_deliveries_days = models.PositiveSmallIntegerField(
        _("days to keep raw deliveries"), default=14, validators=DAYS
    )
    features = models.JSONField(_("features switched off"), default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("workspace")
        verbose_name_plural = _("workspaces")

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which dates of this workspace are shown and compared."""
        return ZoneInfo(self.timezone)


class AppendOnlyError(TypeError):
    """Somebody tried to rewrite history."""


class AppendOnlyQuerySet(models.QuerySet["AuditEntry"]):
    """Refuses what would change rows; only a whole workspace's end removes them."""

    def update(self, **kwargs: object) -> int:  # noqa: ARG002
        raise AppendOnlyError("Audit entries are never changed.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("Audit entries are never deleted.")


class AuditEntry(models.Model):
    """Append-only: who did what, when. Rows are never changed."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey("workspaces.User", on_delete=models.SET_NULL, null=True, related_name="+")
    action = models.CharField(max_length=64)
    target = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        indexes = [models.Index(fields=["workspace", "-at"], name="audit_newest")]

    def __str__(self) -> str:
        return f"{self.action} {self.target}".strip()

    def save(self, *args: object, **kwargs: object) -> None:
        if not self._state.adding:
            raise AppendOnlyError("Audit entries are never changed.")
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def delete(self, *args: object, **kwargs: object) -> tuple[int, dict[str, int]]:  # noqa: ARG002
        raise AppendOnlyError("Audit entries are never deleted.")
