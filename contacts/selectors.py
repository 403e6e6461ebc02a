"""Reading contacts, tags and fields of the workspace in scope."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal

from django.db.models import Q, QuerySet

from contacts.fields import STANDARD_SPECS, FieldSpec, spec_of
from contacts.models import Contact, ContactField, ContactTag

MATCH_CAP: Final = 10
"""One identifier names at most this many contacts; more are a mistake in the data."""

_MAX_ID: Final = 2**63 - 1
_NOT_PHONE: Final = re.compile(r"[^0-9+]")


def contacts_by_identifier(
    kind: Literal["id", "phone", "email"], value: str | int, *, lock: bool = False
) -> list[Contact]:
    """Contacts whom an outside system means, oldest first, at most ten; nobody for a malformed value.

    ``lock``: hold their rows until the transaction ends.
    """
    text = str(value).strip()
    if kind == "id":
        found = _id_filter(text)
    elif kind == "phone":
        found = _phone_filter(text)
    else:
        found = Q(email__iexact=text) if text else None
    if found is None:
        return []
    contacts = Contact.objects.select_for_update(no_key=True) if lock else Contact.objects.all()
    return list(contacts.filter(found).order_by("pk")[:MATCH_CAP])


def contact_search(text: str) -> QuerySet[Contact]:
    """Contacts in whose name, e-mail address or phone number every word occurs."""
    matches = Contact.objects.all()
    for word in text.split():
        digits = _NOT_PHONE.sub("", word)
        condition = Q(first_name__icontains=word) | Q(last_name__icontains=word) | Q(email__icontains=word)
        if digits and not word.isalpha():
            condition |= Q(phone__contains=digits)
        matches = matches.filter(condition)
    return matches


def field_specs() -> dict[str, FieldSpec]:
    """Every field of the workspace by key, the standard ones first; one query."""
    custom = {field.slug: spec_of(field) for field in ContactField.objects.order_by("name", "pk")}
    return {**STANDARD_SPECS, **custom}


def tag_names(contact_ids: Iterable[int]) -> dict[int, list[str]]:
    """Names of the tags each contact wears, in order of names; one query."""
    names: dict[int, list[str]] = {pk: [] for pk in contact_ids}
    rows = ContactTag.objects.filter(contact_id__in=names).order_by("tag__name")
    for contact_id, name in rows.values_list("contact_id", "tag__name"):
        names[contact_id].append(name)
    return names


def _id_filter(text: str) -> Q | None:
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(_MAX_ID)) or int(text) > _MAX_ID:
        return None
    return Q(pk=int(text))


def _phone_filter(text: str) -> Q | None:
    compact = _NOT_PHONE.sub("", text)
    international = compact.startswith(("+", "00"))
    digits = compact.replace("+", "")
    digits = digits.removeprefix("00") if international and not compact.startswith("+") else digits
    if not digits:
        return None
    return Q(phone=f"+{digits}") if international else Q(phone__in=[f"+{digits}", digits])
