"""What may stand in each field of a contact: kinds and limits of standard and custom fields alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.models import Contact, ContactField
from isflow.kernel.values import MAX_TEXT_LENGTH, MAX_URL_LENGTH, Scalar, normalise

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field as forms and services see it; ``key`` is what templates write after ``$contact.``."""

    key: str
    label: _StrOrPromise
    kind: str
    options: tuple[str, ...] = ()
    max_length: int = MAX_TEXT_LENGTH
    required: bool = False


STANDARD_SPECS: Final[Mapping[str, FieldSpec]] = {
    spec.key: spec
    for spec in (
        FieldSpec("firstname", gettext_lazy("First name"), "text", max_length=100, required=True),
        FieldSpec("lastname", gettext_lazy("Last name"), "text", max_length=100),
        FieldSpec("phone", gettext_lazy("Phone number"), "phone", max_length=32),
        FieldSpec("email", gettext_lazy("E-mail address"), "email", max_length=254),
        FieldSpec("country", gettext_lazy("Country"), "country", max_length=2),
        FieldSpec("language", gettext_lazy("Language"), "language", max_length=8),
        FieldSpec("profile_picture", gettext_lazy("Profile picture"), "url", max_length=500),
        FieldSpec("bot_status", gettext_lazy("Bot status"), "checkbox", required=True),
    )
}

RESERVED_SLUGS: Final = frozenset({*Contact.STANDARD, "id", "name", "assignee", "tags", "channel", "custom"})
"""Names a custom field may not have, because templates know them already."""


def spec_of(field: ContactField) -> FieldSpec:
    """Describe a custom field."""
    limit = MAX_URL_LENGTH if field.kind == ContactField.Kind.URL else MAX_TEXT_LENGTH
    return FieldSpec(field.slug, field.name, field.kind, tuple(field.options), limit)


def fit(spec: FieldSpec, value: Scalar) -> Scalar:
    """Return a canonical value as it can be stored, long text cut; ValueError if it does not fit."""
    if value is None or value == "":
        if spec.required:
            raise ValueError(_("%(field)s may not be empty.") % {"field": spec.label})
        return None
    if spec.kind == "checkbox" and not isinstance(value, bool):
        raise ValueError(_("%(field)s is either yes or no.") % {"field": spec.label})
    if isinstance(value, str) and len(value) > spec.max_length:
        if spec.kind != "text":
            raise ValueError(_("%(field)s is too long.") % {"field": spec.label})
        return value[: spec.max_length]
    if spec.key in Contact.STANDARD and spec.kind != "checkbox":
        return str(value)
    return value


def clean(spec: FieldSpec, raw: Scalar) -> Scalar:
    """Turn what somebody typed into the stored value; ValueError says what is wrong, in words for people."""
    return fit(spec, normalise(spec.kind, raw, options=spec.options, max_length=spec.max_length))
