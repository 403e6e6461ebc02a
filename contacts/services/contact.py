"""Making and changing one contact by ordinary means; the receivers put the changes on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from contacts.fields import clean
from contacts.models import Contact
from contacts.selectors import field_specs
from contacts.services.catalogue import tags_by_name
from isflow.kernel.errors import Rejected
from isflow.kernel.values import Scalar
from isflow.workspaces.scope import current_workspace_id


def contact_create(*, values: Mapping[str, Scalar], tags: Sequence[str] = ()) -> Contact:
    """Make a contact from values as typed, by field key, and tags by name; Rejected names the wrong value."""
    contact = Contact(workspace_id=current_workspace_id())
    _fill(contact, values)
    with transaction.atomic():
        contact.save()
        if tags:
            contact.tags.add(*tags_by_name(tags, create=tags).values())
    return contact


def contact_update(*, contact: Contact, values: Mapping[str, Scalar]) -> Contact:
    """Change fields from values as typed, by field key; Rejected names the wrong value and changes nothing.

    The row is read anew under lock: fields that are not given keep what others have written meanwhile.
    """
    with transaction.atomic():
        fresh = Contact.objects.select_for_update().get(pk=contact.pk)
        _fill(fresh, values)
        columns = {Contact.STANDARD.get(key, "custom") for key in values}
        if columns:
            fresh.save(update_fields=sorted(columns))
    return fresh


def _fill(contact: Contact, values: Mapping[str, Scalar]) -> None:
    specs = field_specs()
    for key, raw in values.items():
        spec = specs.get(key)
        if spec is None:
            raise Rejected(_("There is no contact field “%(key)s”.") % {"key": key})
        try:
            value = clean(spec, raw)
        except ValueError as error:
            raise Rejected(str(error)) from error
        contact.put_field_value(key, value)
