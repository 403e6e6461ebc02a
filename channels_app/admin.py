"""Operator's view of channels and of what their providers delivered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from channels_app.connections import config_check, config_masked, config_unmasked
from channels_app.contract import adapters
from channels_app.models import Channel, InboundDelivery
from channels_app.selectors import kind_label
from channels_app.services import delivery_replay
from isflow.infra.crypto import DecryptionError
from isflow.kernel.errors import Rejected
from isflow.workspaces.access import Permission, allowed
from isflow.workspaces.admin_site import membership_of
from isflow.workspaces.scoped_admin import ReadOnlyAdmin, ScopedAdmin

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Channel]
else:
    _ModelForm = forms.ModelForm

_SHOWN_BODY: Final = 10_000
_SHOWN_ERROR: Final = 80


class ChannelForm(_ModelForm):
    """A channel; its settings are JSON in which secrets are masked and kept unless rewritten."""

    kind = forms.ChoiceField(label=_("Kind"), widget=UnfoldAdminSelectWidget)
    config = forms.CharField(
        label=_("Settings"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12, "spellcheck": "false"}),
        help_text=_("A JSON object. A secret shown as dots stays as it is unless you write another."),
    )

    class Meta:
        model = Channel
        fields = ("kind", "name", "status", "config")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)  # noqa: S101 - declared above
        kind.choices = [(key, str(cls.label)) for key, cls in adapters.items()]
        if self.instance.pk is not None:
            # Settings belong to their kind; another kind is another channel.
            kind.choices, kind.disabled = [(self.instance.kind, kind_label(self.instance.kind))], True
        masked = config_masked(self.instance.kind, self._stored())
        self.initial["config"] = json.dumps(masked, indent=2, ensure_ascii=False)

    def clean(self) -> dict[str, Any]:
        """Check the settings against those of the kind, one readable line per mistake."""
        kind = self.cleaned_data.get("kind", "")
        try:
            given = json.loads(self.cleaned_data.get("config") or "{}")
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            self.add_error("config", _("The settings are not a JSON object."))
            return self.cleaned_data
        config = config_unmasked(kind, given, self._stored())
        try:
            config_check(kind, config)
        except Rejected as error:
            self.add_error("config", error.message.split("\n"))
        return {**self.cleaned_data, "config": config}

    def _stored(self) -> dict[str, Any]:
        if not self.instance.pk:
            return {}
        try:
            stored: dict[str, Any] = self.instance.config or {}
        except DecryptionError:
            # The key is lost; the form is the place where new settings are written.
            return {}
        return stored


@admin.register(Channel)
class ChannelAdmin(ScopedAdmin[Channel]):
    view_permission = Permission.CHANNELS_VIEW
    edit_permission = Permission.CHANNELS_EDIT
    delete_permission = Permission.CHANNELS_DELETE
    form = ChannelForm
    list_display = ("name", "kind_name", "status", "last_error", "created_at")
    list_filter = ("status", "kind")
    search_fields = ("name",)

    def get_fields(self, request: HttpRequest, obj: Channel | None = None) -> list[str]:  # noqa: ARG002
        if obj is None:
            return ["kind", "name", "config", "known_settings"]
        shown = ["kind", "name", "status", "config", "known_settings", "address", "last_error"]
        return [*shown, "not_before", "created_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> list[str]:  # noqa: ARG002
        return ["known_settings", "address", "last_error", "not_before", "created_at"]

    @admin.display(description=_("kind"), ordering="kind")
    def kind_name(self, channel: Channel) -> str:
        """The kind in words."""
        return kind_label(channel.kind)

    @admin.display(description=_("address for the provider"))
    def address(self, channel: Channel) -> str:
        """Where the provider posts what it has for us."""
        return f"{settings.PUBLIC_URL}{reverse('channel_hook', args=[channel.token])}"

    @admin.display(description=_("possible settings"))
    def known_settings(self, channel: Channel) -> SafeString:
        """Names and meanings of the settings, of one kind or of all."""
        kinds = [channel.kind] if channel.pk else list(adapters)
        rows = [
            (kind_label(kind), name, field.description or "")
            for kind in kinds
            if kind in adapters
            for name, field in adapters.get(kind).config_class.model_fields.items()
        ]
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}: <code>{}</code> {}</li>", rows))

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:  # noqa: FBT001
        if form.changed_data and obj.status != Channel.Status.FAULTY:
            obj.last_error = ""
        super().save_model(request, obj, form, change)


@admin.register(InboundDelivery)
class InboundDeliveryAdmin(ReadOnlyAdmin[InboundDelivery]):
    view_permission = Permission.CHANNELS_VIEW
    list_display = ("received_at", "channel", "status", "attempts", "short_error")
    list_filter = ("status", "channel")
    list_select_related = ("channel",)
    search_fields = ("error",)
    date_hierarchy = "received_at"
    actions = ("replay",)
    fields = (
        "channel",
        "received_at",
        "status",
        "attempts",
        "not_before",
        "processed_at",
        "error",
        "body_text",
    )
    readonly_fields = ("body_text",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboundDelivery]:
        return super().get_queryset(request).defer("body")

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Say whether this person may have deliveries read again."""
        membership = membership_of(request)
        return membership is not None and allowed(membership, Permission.CHANNELS_EDIT)

    @admin.display(description=_("error"))
    def short_error(self, delivery: InboundDelivery) -> str:
        """The beginning of the error."""
        return delivery.error[:_SHOWN_ERROR]

    @admin.display(description=_("body"))
    def body_text(self, delivery: InboundDelivery) -> SafeString:
        """The call as received, as far as it is text."""
        return format_html("<pre>{}</pre>", bytes(delivery.body[:_SHOWN_BODY]).decode("utf-8", "replace"))

    @admin.action(description=_("Read once more"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[InboundDelivery]) -> None:
        """Give the chosen deliveries to the workers again; nothing is stored twice."""
        count = sum(delivery_replay(delivery=delivery) for delivery in queryset.order_by("pk"))
        text = ngettext("%(count)d delivery is read again.", "%(count)d deliveries are read again.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)
