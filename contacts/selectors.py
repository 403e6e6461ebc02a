"""Reading contacts, tags and fields of the workspace in scope."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet

from contacts.fields import STANDARD_SPECS, FieldSpec, spec_of
from contacts.models import Contact, ContactField, ContactTag
from isflow.infra.db import is_postgres
from isflow.workspaces.scope import current_workspace_id

MATCH_CAP: Final = 10
"""One identifier names at most this many contacts; more are a mistake in the data."""

# Written out, because every call of a webhook asks this: the ORM takes ten times as long to say it.
_NAMED: Final = """
SELECT id, is_blocked FROM contacts_contact WHERE workspace_id = %s AND {condition}
ORDER BY id LIMIT %s {lock}
"""
_MAX_ID: Final = 2**63 - 1
_NOT_PHONE: Final = re.compile(r"[^0-9+]")


class NamedContact(NamedTuple):
    """A contact as far as a door needs to know it."""

    pk: int
    is_blocked: bool


def contacts_by_identifier(
    kind: Literal["id", "phone", "email"], value: str | int, *, lock: bool = False
) -> list[NamedContact]:
    """Contacts whom an outside system means, oldest first, at most ten; nobody for a malformed value.

    ``lock``: hold their rows until the transaction ends.
    """
    text = str(value).strip()
    if kind == "id":
        found = _by_id(text)
    elif kind == "phone":
        found = _by_phone(text)
    else:
        found = ("UPPER(email) = UPPER(%s)", [text]) if text else None
    if found is None:
        return []
    condition, values = found
    sql = _NAMED.format(condition=condition, lock="FOR NO KEY UPDATE" if lock and is_postgres() else "")
    with connection.cursor() as cursor:
        cursor.execute(sql, [current_workspace_id(), *values, MATCH_CAP])
        return [NamedContact(pk, bool(is_blocked)) for pk, is_blocked in cursor.fetchall()]


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


def _by_id(text: str) -> tuple[str, list[Any]] | None:
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(_MAX_ID)) or int(text) > _MAX_ID:
        return None
    return "id = %s", [int(text)]


def _by_phone(text: str) -> tuple[str, list[Any]] | None:
    compact = _NOT_PHONE.sub("", text)
    international = compact.startswith(("+", "00"))
    digits = compact.replace("+", "")
    digits = digits.removeprefix("00") if international and not compact.startswith("+") else digits
    if not digits:
        return None
    return ("phone = %s", [f"+{digits}"]) if international else ("phone IN (%s, %s)", [f"+{digits}", digits])
