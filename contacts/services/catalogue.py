"""The workspace's lists: tags and custom fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from contacts.fields import RESERVED_SLUGS
from contacts.models import ContactField, Tag
from isflow.kernel.errors import Rejected
from isflow.kernel.ids import slugify_name
from isflow.workspaces.scope import current_workspace_id

MAX_TAG_NAME = 255
MAX_FIELD_NAME = 50


def tag_get_or_create(*, name: str) -> Tag:
    """Return the tag of that name, whatever its case, or make it; Rejected for an empty or endless name."""
    if not name.strip() or len(name.strip()) > MAX_TAG_NAME:
        raise Rejected(_("A tag has a name of 1 to 255 characters."))
    with transaction.atomic():
        return tags_by_name([name], create=[name])[name]


def tags_by_name(names: Iterable[str], *, create: Iterable[str] = ()) -> dict[str, Tag]:
    """Return the tags by the names as given, ignoring case; those in ``create`` are made where missing.

    One statement, three if something is made. Names that are empty or too long are left out.
    """
    wanted = {name: name.strip() for name in names if 0 < len(name.strip()) <= MAX_TAG_NAME}
    found = _match(wanted)
    missing: dict[str, str] = {}
    for name in create:
        if name in wanted and name not in found:
            missing.setdefault(wanted[name].lower(), wanted[name])
    if missing:
        workspace_id = current_workspace_id()
        # Somebody else may have made it since; whoever came first is then read below.
        Tag.objects.bulk_create(
            [Tag(workspace_id=workspace_id, name=name) for name in missing.values()], ignore_conflicts=True
        )
        found = _match(wanted)
    return found


def field_create(
    *, name: str, kind: str = ContactField.Kind.TEXT, options: Sequence[str] = ()
) -> ContactField:
    """Make a custom field with a slug for ever, derived from its name; Rejected if a rule is broken."""
    name, labels = field_check(name=name, kind=kind, options=options)
    with transaction.atomic():
        taken = set(ContactField.objects.values_list("slug", flat=True))
        return ContactField.objects.create(
            workspace_id=current_workspace_id(),
            name=name,
            slug=slugify_name(name, taken | RESERVED_SLUGS),
            kind=kind,
            options=labels,
        )


def field_check(
    *, name: str, kind: str, options: Sequence[str], is_new: bool = True
) -> tuple[str, list[str]]:
    """Return a field's name and options as they are stored; Rejected if a rule is broken."""
    name = name.strip()
    labels = list(dict.fromkeys(label.strip() for label in options if label.strip()))
    if not name or len(name) > MAX_FIELD_NAME:
        raise Rejected(_("A field has a name of 1 to 50 characters."))
    if kind not in ContactField.Kind.values:
        raise Rejected(_("There is no such kind of field."))
    if kind == ContactField.Kind.LIST and not labels:
        raise Rejected(_("A list needs at least one option."))
    if is_new and slugify_name(name) in RESERVED_SLUGS:
        raise Rejected(_("“%(name)s” is the name of a standard field.") % {"name": name})
    return name, labels if kind == ContactField.Kind.LIST else []


def _match(wanted: dict[str, str]) -> dict[str, Tag]:
    """Find tags by stripped name; the database folds both sides, because its idea of case is its own."""
    if not wanted:
        return {}
    folded = [Lower(Value(name)) for name in sorted(set(wanted.values()))]
    tags = list(Tag.objects.annotate(folded=Lower("name")).filter(folded__in=folded).order_by("pk"))
    exact = {tag.name: tag for tag in tags}
    loose = {tag.name.lower(): tag for tag in tags}
    found: dict[str, Tag] = {}
    for name, stripped in wanted.items():
        tag = exact.get(stripped) or loose.get(stripped.lower())
        if tag is not None:
            found[name] = tag
    return found
