"""Changing contacts, tags and fields."""

from __future__ import annotations

from contacts.services.bulk import Skipped, fields_set, tags_change
from contacts.services.catalogue import field_create, tag_get_or_create
from contacts.services.contact import contact_create, contact_update

__all__ = [
    "Skipped",
    "contact_create",
    "contact_update",
    "field_create",
    "fields_set",
    "tag_get_or_create",
    "tags_change",
]
