"""Setting up the installation, creating and changing workspaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import connection, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from isflow.infra.db import is_postgres
from isflow.kernel.actor import acting_as
from isflow.kernel.errors import Conflict
from isflow.workspaces.audit import audit
from isflow.workspaces.guards import actor_of
from isflow.workspaces.models import Membership, Role, User, Workspace
from isflow.workspaces.scope import workspace_scope
from isflow.workspaces.signals import workspace_created

SETUP_LOCK: Final = 0x15F10
RESERVED: Final = frozenset({"admin", "api", "new", "static"})


@dataclass(frozen=True)
class Person:
    """Who is to be created."""

    email: str
    password: str
    first_name: str = ""
    last_name: str = ""


def is_set_up() -> bool:
    """Say whether anybody may sign in yet."""
    return User.objects.exists()


def first_owner_create(*, person: Person, workspace_name: str, timezone: str) -> User:
    """Create the first person (owner and operator) and the first workspace; Conflict if too late."""
    with transaction.atomic():
        _lock_setup()
        if is_set_up():
            raise Conflict(_("This installation has been set up already."))
        user = User.objects.create_superuser(
            person.email, person.password, first_name=person.first_name, last_name=person.last_name
        )
        workspace_create(owner=user, name=workspace_name, timezone=timezone)
    return user


def workspace_create(*, owner: User, name: str, timezone: str = "UTC") -> Workspace:
    """Create a workspace with its first owner."""
    with transaction.atomic(), acting_as(actor_of(owner)):
        workspace = Workspace.objects.create(name=name, slug=_free_slug(name), timezone=timezone)
        with workspace_scope(workspace.pk):
            Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
            audit("workspace.created", name)
            workspace_created.send(sender=Workspace, workspace=workspace)
    return workspace


def workspace_update(*, workspace: Workspace, changed: list[str]) -> None:
    """Save changed settings and record which they were."""
    if not changed:
        return
    with transaction.atomic():
        workspace.save(update_fields=changed)
        audit("workspace.changed", workspace.name, fields=changed)


def may_create_workspaces(user: User, owned: int) -> bool:
    """Say whether a person may found another workspace: the operator and owners."""
    return user.is_superuser or owned > 0


def _lock_setup() -> None:
    """Let only one set-up through at a time; SQLite's transactions are serial anyway."""
    if is_postgres():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SETUP_LOCK])


def _free_slug(name: str) -> str:
    base = slugify(name)[:40].strip("-") or "workspace"
    candidates = (base if number == 1 else f"{base}-{number}" for number in range(1, 1_000))
    taken = set(Workspace.objects.filter(slug__startswith=base).values_list("slug", flat=True)) | RESERVED
    return next(slug for slug in candidates if slug not in taken)
