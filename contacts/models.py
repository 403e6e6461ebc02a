"""People the business talks with, and what is known of them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower, Upper
from django.utils.translation import gettext_lazy as _

from channels_app.models import Channel
from isflow.kernel.values import Scalar
from isflow.workspaces.scope import EventfulModel, ScopedModel, current_workspace_id


class Tag(ScopedModel):
    """A label that groups contacts."""

    name = models.CharField(_("name"), max_length=255)
    colour = models.CharField(_("colour"), max_length=16, blank=True)
    description = models.CharField(_("description"), max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        constraints = [models.UniqueConstraint("workspace", Lower("name"), name="tag_one_per_name")]

    def __str__(self) -> str:
        return self.name


class ContactField(ScopedModel):
    """A typed custom field. The slug is fixed at creation: templates and stored values use it."""

    class Kind(models.TextChoices):
        TEXT = "text", _("Text")
        LIST = "list", _("List")
        CHECKBOX = "checkbox", _("Checkbox")
        EMAIL = "email", _("E-mail")
        NUMBER = "number", _("Number")
        URL = "url", _("Web address")
        DATE = "date", _("Date")
        TIME = "time", _("Time")

    name = models.CharField(_("name"), max_length=50)
    slug = models.CharField(_("slug"), max_length=50, editable=False)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices, default=Kind.TEXT)
    options = models.JSONField(_("options"), default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("contact field")
        verbose_name_plural = _("contact fields")
        constraints = [
            models.UniqueConstraint(fields=["workspace", "slug"], name="contact_field_one_per_slug")
        ]

    def __str__(self) -> str:
        return self.name


class Contact(EventfulModel):
    """A person. Standard fields are columns; custom ones lie in ``custom`` by slug, already canonical."""

    STANDARD: ClassVar[dict[str, str]] = {
        "firstname": "first_name",
        "lastname": "last_name",
        "phone": "phone",
        "email": "email",
        "country": "country",
        "language": "language",
        "profile_picture": "profile_picture",
        "bot_status": "bot_enabled",
    }

    first_name = models.CharField(_("first name"), max_length=100, blank=True)
    last_name = models.CharField(_("last name"), max_length=100, blank=True)
    phone = models.CharField(_("phone number"), max_length=32, blank=True)
    email = models.CharField(_("e-mail address"), max_length=254, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    language = models.CharField(_("language"), max_length=8, blank=True)
    profile_picture = models.CharField(_("profile picture"), max_length=500, blank=True)
    custom = models.JSONField(_("custom fields"), default=dict, blank=True)
    bot_enabled = models.BooleanField(_("bot status"), default=True)
    is_blocked = models.BooleanField(_("blocked"), default=False)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("assignee"),
    )
    assigned_at = models.DateTimeField(null=True, blank=True)
    tags = models.ManyToManyField(Tag, through="ContactTag", related_name="contacts", verbose_name=_("tags"))
    last_channel = models.ForeignKey(
        Channel,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("last channel"),
    )
    last_incoming_at = models.DateTimeField(null=True, blank=True)
    last_incoming_text = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        indexes = [
            models.Index("workspace", Upper("email"), name="contact_by_email"),
            models.Index(fields=["workspace", "phone"], name="contact_by_phone"),
            models.Index(fields=["workspace", "assignee"], name="contact_by_assignee"),
            models.Index(fields=["id"], condition=models.Q(is_blocked=True), name="contact_blocked"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """First and last name, or whatever else tells the person apart."""
        full = f"{self.first_name} {self.last_name}".strip()
        return full or self.email or self.phone or f"#{self.pk}"

    def field_value(self, key: str) -> Scalar:
        """Value of a standard field or a custom one by slug; None for an empty or unknown one."""
        column = self.STANDARD.get(key)
        value: Scalar = getattr(self, column) if column else self.custom.get(key)
        return None if value == "" else value

    def put_field_value(self, key: str, value: Scalar) -> None:
        """Set a field in memory, None empties it; nothing is saved and no limit is checked."""
        column = self.STANDARD.get(key)
        if column:
            setattr(self, column, "" if value is None else value)
        elif value is None:
            self.custom = {slug: kept for slug, kept in self.custom.items() if slug != key}
        else:
            self.custom = {**self.custom, key: value}


class ContactTag(EventfulModel):
    """One contact wears one tag."""

    # ``contact.tags.add()`` builds these rows itself and knows nothing of workspaces.
    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="+", default=current_workspace_id
    )
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="contact_tags")
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="contact_tags")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "tag"], name="contact_tag_once")]

    def __str__(self) -> str:
        return f"{self.contact_id}:{self.tag_id}"

    def save(self, *args: object, **kwargs: object) -> None:
        self.workspace_id = self.contact.workspace_id
        super().save(*args, **kwargs)


class ContactIdentity(ScopedModel):
    """The address under which one channel knows a contact."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="identities")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="identities")
    address = models.CharField(_("address"), max_length=200)
    display_name = models.CharField(max_length=200, blank=True)
    last_incoming_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("contact identity")
        verbose_name_plural = _("contact identities")
        constraints = [
            models.UniqueConstraint(fields=["channel", "address"], name="identity_one_per_address")
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.address}"
