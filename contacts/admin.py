"""Operator's view of contacts: every field, tag and address."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from contacts.fields import STANDARD_SPECS, FieldSpec, spec_of
from contacts.forms import PREFIX, ContactFieldForm, ContactForm, contact_form
from contacts.models import Contact, ContactField, ContactIdentity, ContactTag, Tag
from contacts.services import field_create
from isflow.workspaces.access import Permission
from isflow.workspaces.scoped_admin import ReadOnlyAdmin, ScopedAdmin


class IdentityInline(TabularInline):
    model = ContactIdentity
    fields = ("channel", "address", "display_name", "last_incoming_at")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Contact | None = None) -> bool:  # noqa: ARG002
        return False


@admin.register(Contact)
class ContactAdmin(ScopedAdmin[Contact]):
    view_permission = Permission.CONTACTS_VIEW
    edit_permission = Permission.CONTACTS_EDIT
    delete_permission = Permission.CONTACTS_DELETE
    list_display = ("name", "email", "phone", "country", "language", "assignee", "bot_enabled", "created_at")
    list_filter = ("tags", "country", "language", "bot_enabled", "is_blocked", "last_channel")
    list_select_related = ("assignee",)
    search_fields = ("first_name", "last_name", "email", "phone")
    date_hierarchy = "created_at"
    inlines = (IdentityInline,)

    def get_form(
        self,
        request: HttpRequest,
        obj: Contact | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        **kwargs: Any,
    ) -> type[ModelForm[Contact]]:
        kwargs["form"] = contact_form(_custom_specs())
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Contact | None = None) -> Any:  # noqa: ARG002
        custom = [PREFIX + slug for slug in _custom_specs()]
        sections: list[tuple[Any, dict[str, Any]]] = [
            (None, {"fields": [*ContactForm.Meta.fields, "tag_choices"]})
        ]
        return [*sections, (_("Custom fields"), {"fields": custom})] if custom else sections

    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: bool) -> None:  # noqa: FBT001
        """Write only what was changed in the form: others may have changed the rest meanwhile."""
        values = form.changed_custom()
        if not change:
            for slug, value in values.items():
                obj.put_field_value(slug, value)
            super().save_model(request, obj, form, change)
            return
        columns = [name for name in form.changed_data if name in ContactForm.Meta.fields]
        with transaction.atomic():
            if values:
                obj.custom = Contact.objects.select_for_update().get(pk=obj.pk).custom
                columns.append("custom")
            for slug, value in values.items():
                obj.put_field_value(slug, value)
            if columns:
                obj.save(update_fields=columns)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        super().save_related(request, form, formsets, change)
        if "tag_choices" in form.changed_data:
            form.instance.tags.set(form.cleaned_data["tag_choices"])


@admin.register(Tag)
class TagAdmin(ScopedAdmin[Tag]):
    view_permission = Permission.CONTACTS_VIEW
    list_display = ("name", "colour", "description", "contact_count", "created_at")
    search_fields = ("name", "description")
    fields = ("name", "colour", "description")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        return super().get_queryset(request).annotate(number=Count("contact_tags"))

    @admin.display(description=_("contacts"), ordering="number")
    def contact_count(self, tag: Tag) -> int:
        """How many contacts wear the tag."""
        return int(getattr(tag, "number", 0))


@admin.register(ContactField)
class ContactFieldAdmin(ScopedAdmin[ContactField]):
    delete_permission = Permission.SETTINGS_DELETE
    form = ContactFieldForm
    list_display = ("name", "slug", "kind", "created_at")
    list_filter = ("kind",)
    search_fields = ("name", "slug")

    def get_readonly_fields(self, request: HttpRequest, obj: ContactField | None = None) -> tuple[str, ...]:  # noqa: ARG002
        return ("slug", "kind") if obj else ()

    def save_model(self, request: HttpRequest, obj: ContactField, form: Any, change: bool) -> None:  # noqa: FBT001
        if change:
            super().save_model(request, obj, form, change)
            return
        made = field_create(name=obj.name, kind=obj.kind, options=obj.options)
        obj.pk, obj.slug, obj.workspace_id = made.pk, made.slug, made.workspace_id


@admin.register(ContactIdentity)
class ContactIdentityAdmin(ReadOnlyAdmin[ContactIdentity]):
    view_permission = Permission.CONTACTS_VIEW
    delete_permission = Permission.CONTACTS_REMOVE_CHANNEL
    list_display = ("address", "display_name", "channel", "contact", "last_incoming_at")
    list_filter = ("channel",)
    list_select_related = ("channel", "contact")
    search_fields = ("address", "display_name", "contact__first_name", "contact__last_name")
    fields = ("contact", "channel", "address", "display_name", "last_incoming_at", "created_at")


@admin.register(ContactTag)
class ContactTagAdmin(ScopedAdmin[ContactTag]):
    view_permission = Permission.CONTACTS_VIEW
    edit_permission = Permission.CONTACTS_EDIT
    delete_permission = Permission.CONTACTS_EDIT
    list_display = ("contact", "tag", "created_at")
    list_filter = ("tag",)
    list_select_related = ("contact", "tag")
    search_fields = ("contact__first_name", "contact__last_name", "tag__name")
    fields = ("contact", "tag")
    autocomplete_fields = ("contact", "tag")

    def has_change_permission(self, request: HttpRequest, obj: ContactTag | None = None) -> bool:  # noqa: ARG002
        return False


def _custom_specs() -> dict[str, FieldSpec]:
    fields = ContactField.objects.order_by("name", "pk")
    return {field.slug: spec_of(field) for field in fields if field.slug not in STANDARD_SPECS}
