"""Changes asked of contacts, as plain data. Bulk services take many of them at once, in order."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as default

from isflow.kernel.actor import Actor, current_actor
from isflow.kernel.values import Scalar


@dataclass(frozen=True, slots=True)
class TagChange:
    """Put a tag on a contact or take it off. Without ``tag_id`` the tag is found, or created, by name."""

    contact_id: int
    tag_id: int | None
    name: str = ""
    add: bool = True
    actor: Actor = default(default_factory=current_actor)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """Set one field (a key of Contact.STANDARD or a custom field's slug) to a canonical value."""

    contact_id: int
    field: str
    value: Scalar
    actor: Actor = default(default_factory=current_actor)
