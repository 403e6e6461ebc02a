"""The facts this app puts on record, each built in one place."""

from __future__ import annotations

from isflow.kernel.actor import Actor
from isflow.kernel.values import Scalar
from isflow.workspaces.events import DomainEvent, Payload

CONTACT_CREATED = "contact_created"
TAG_UPDATED = "contact_tag_updated"
FIELD_UPDATED = "contact_field_updated"


def created_event(*, workspace_id: int, contact_id: int, actor: Actor) -> DomainEvent:
    """A contact has come into being."""
    return DomainEvent(CONTACT_CREATED, workspace_id, contact_id, {}, actor)


def tag_event(  # noqa: PLR0913 - the parts of one fact
    *, workspace_id: int, contact_id: int, tag_id: int, name: str, add: bool, actor: Actor
) -> DomainEvent:
    """A tag was put on a contact or taken off."""
    payload: Payload = {"tag_id": tag_id, "tag": name, "action": "add" if add else "remove"}
    return DomainEvent(TAG_UPDATED, workspace_id, contact_id, payload, actor)


def field_event(  # noqa: PLR0913 - the parts of one fact
    *, workspace_id: int, contact_id: int, field: str, old: Scalar, new: Scalar, actor: Actor
) -> DomainEvent:
    """A field got another value; None stands for empty."""
    payload = {"field": field, "old_value": old, "new_value": new}
    return DomainEvent(FIELD_UPDATED, workspace_id, contact_id, payload, actor)


def same_value(old: Scalar, new: Scalar) -> bool:
    """Tell whether two stored values are alike; yes and 1 are not."""
    return old == new and isinstance(old, bool) == isinstance(new, bool)
