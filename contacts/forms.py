"""The contact form of the admin: standard and custom fields, checked alike, and tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from contacts.fields import STANDARD_SPECS, FieldSpec, clean
from contacts.models import Contact, ContactField, Tag
from contacts.services.catalogue import field_check
from isflow.kernel.errors import Rejected
from isflow.kernel.values import Scalar

if TYPE_CHECKING:
    _ContactModelForm = forms.ModelForm[Contact]
    _FieldModelForm = forms.ModelForm[ContactField]
else:
    _ContactModelForm = _FieldModelForm = forms.ModelForm

PREFIX: Final = "custom_"
"""In front of a slug, so that a custom field never takes the name of a column."""

_HINTS: Final = {
    "date": _("Such as 2024-12-31"),
    "time": _("Such as 09:30"),
    "phone": _("With country code, such as +60112233455"),
    "url": _("Such as https://example.com"),
}
_YES_NO: Final = (("", "-"), ("yes", _("Yes")), ("no", _("No")))


class ContactForm(_ContactModelForm):
    """A contact; ``custom_specs`` is filled in for the workspace by ``contact_form``."""

    custom_specs: ClassVar[Mapping[str, FieldSpec]] = {}

    country = forms.CharField(
        label=_("Country"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Such as Germany or DE"),
    )
    language = forms.CharField(
        label=_("Language"), required=False, widget=UnfoldAdminTextInputWidget, help_text=_("Such as en")
    )
    tag_choices: forms.ModelMultipleChoiceField[Tag] = forms.ModelMultipleChoiceField(
        label=_("Tags"),
        queryset=None,
        required=False,
        widget=UnfoldAdminSelectMultipleWidget,
    )

    class Meta:
        model = Contact
        fields = (*Contact.STANDARD.values(), "is_blocked")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tags = self.fields["tag_choices"]
        assert isinstance(tags, forms.ModelMultipleChoiceField)  # noqa: S101 - declared above
        tags.queryset = Tag.objects.order_by("name")
        if self.instance.pk is not None:
            tags.initial = list(self.instance.tags.values_list("pk", flat=True))
        for slug, spec in self.custom_specs.items():
            self.fields[PREFIX + slug].initial = _shown(spec, self.instance.field_value(slug))

    def clean(self) -> dict[str, Any]:
        """Bring every value into its stored form and say what is wrong next to its field."""
        for key, column in Contact.STANDARD.items():
            if column in self.cleaned_data:
                value = self._checked(column, STANDARD_SPECS[key])
                self.cleaned_data[column] = "" if value is None else value
        for slug, spec in self.custom_specs.items():
            if PREFIX + slug in self.cleaned_data:
                self.cleaned_data[PREFIX + slug] = self._checked(PREFIX + slug, spec)
        return self.cleaned_data

    def changed_custom(self) -> dict[str, Scalar]:
        """Return the new values of the custom fields that were changed, by slug."""
        names = [name for name in self.changed_data if name.startswith(PREFIX)]
        return {name.removeprefix(PREFIX): self.cleaned_data[name] for name in names}

    def _checked(self, name: str, spec: FieldSpec) -> Scalar:
        raw = self.cleaned_data[name]
        try:
            return clean(spec, raw)
        except ValueError as error:
            self.add_error(name, str(error))
            return None


class ContactFieldForm(_FieldModelForm):
    """A custom field; options are written one per line."""

    options = forms.CharField(
        label=_("Options of a list, one per line"), required=False, widget=forms.Textarea(attrs={"rows": 5})
    )

    class Meta:
        model = ContactField
        fields = ("name", "kind", "options")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["options"] = "\n".join(self.instance.options)

    def clean(self) -> dict[str, Any]:
        """Check name, kind and options together."""
        kind = self.cleaned_data.get("kind") or self.instance.kind
        lines = self.cleaned_data.get("options", "").splitlines()
        try:
            name, labels = field_check(
                name=self.cleaned_data.get("name", ""),
                kind=kind,
                options=lines,
                is_new=self.instance.pk is None,
            )
        except Rejected as error:
            raise forms.ValidationError(error.message) from error
        return {**self.cleaned_data, "name": name, "options": labels}


def contact_form(custom: Mapping[str, FieldSpec]) -> type[ContactForm]:
    """Return the form with a field for each custom field of the workspace."""
    fields = {PREFIX + slug: _form_field(spec) for slug, spec in custom.items()}
    return type("WorkspaceContactForm", (ContactForm,), {"custom_specs": dict(custom), **fields})


def _form_field(spec: FieldSpec) -> forms.Field:
    if spec.kind in {"list", "checkbox"}:
        choices = _YES_NO if spec.kind == "checkbox" else [("", "-"), *((o, o) for o in spec.options)]
        return forms.ChoiceField(
            label=spec.label, required=False, choices=choices, widget=UnfoldAdminSelectWidget
        )
    widget = UnfoldAdminEmailInputWidget if spec.kind == "email" else UnfoldAdminTextInputWidget
    return forms.CharField(
        label=spec.label, required=False, widget=widget, help_text=_HINTS.get(spec.kind, "")
    )


def _shown(spec: FieldSpec, value: Scalar) -> Scalar:
    """Return a stored value as its form field shows it."""
    if spec.kind == "checkbox" and isinstance(value, bool):
        return "yes" if value else "no"
    return value
