"""The frame of the demo workspace: people, channel, fields, tags, categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.hashers import make_password

from channels_app.models import Channel
from channels_app.services import channel_create
from contacts.models import ContactField, Tag
from contacts.services import field_create
from conversations.models import ClosingCategory
from isflow.workspaces.models import Membership, Role, Team, User, Workspace
from isflow.workspaces.scope import workspace_scope
from isflow.workspaces.signals import workspace_created

SLUG: Final = "demo"
PASSWORD: Final = "demo-isflow"  # noqa: S105 - printed for everybody who tries the demo
CHANNEL: Final = "Website chat"

PEOPLE: Final = (
    ("owner@demo.isflow.local", "Nora", "Owner", Role.OWNER),
    ("manager@demo.isflow.local", "Marek", "Manager", Role.MANAGER),
    ("omar@demo.isflow.local", "Omar", "Haddad", Role.AGENT),
    ("lena@demo.isflow.local", "Lena", "Fischer", Role.AGENT),
)
FIELDS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "Order number": ("text", ()),
    "Plan": ("list", ("Free", "Service pass", "Service pass plus", "Fleet")),
    "Birthday": ("date", ()),
    "Bikes owned": ("number", ()),
    "Trade customer": ("checkbox", ()),
}
TAGS: Final[Mapping[str, str]] = {
    "newsletter": "blue",
    "vip": "amber",
    "lead": "green",
    "bug": "red",
    "winter sale": "purple",
}
CATEGORIES: Final[Mapping[str, str]] = {
    "Sales": "Advice and offers before somebody buys",
    "Support": "Questions about an order or a bike",
    "Returns": "Exchange, refund, damage",
    "Workshop": "Service and repair",
    "Spam": "Nobody we know",
}


@dataclass(frozen=True)
class Shop:
    """What the other parts of the demo build on; dictionaries by name or first name."""

    workspace: Workspace
    users: Mapping[str, User]
    channel: Channel
    fields: Mapping[str, ContactField]
    tags: Mapping[str, Tag]
    categories: Mapping[str, ClosingCategory]


def shop_create() -> Shop:
    """Make whatever of the frame is missing and return all of it."""
    workspace, is_new = Workspace.objects.get_or_create(
        slug=SLUG, defaults={"name": "Northwind Bikes", "timezone": "Europe/Berlin"}
    )
    with workspace_scope(workspace.pk):
        users = _people(workspace)
        if is_new:
            workspace_created.send(sender=Workspace, workspace=workspace)
        channel = Channel.objects.filter(name=CHANNEL).first() or channel_create(
            kind="web_chat",
            name=CHANNEL,
            config={
                "title": "Northwind Bikes",
                "greeting": "Hello! Ask us anything about bikes.",
                "colour": "#0f766e",
            },
        )
        return Shop(workspace, users, channel, _fields(), _tags(workspace), _categories(workspace))


def _people(workspace: Workspace) -> dict[str, User]:
    emails = [email for email, *_ in PEOPLE]
    known = {user.email: user for user in User.objects.filter(email__in=emails)}
    is_first = not User.objects.exists()
    # Hashing takes a good part of a second; once is enough for a password that everybody knows.
    password = make_password(PASSWORD) if len(known) < len(PEOPLE) else ""
    team, _ = Team.objects.get_or_create(
        workspace=workspace, name="Support", defaults={"description": "Answers customers"}
    )
    for email, first_name, last_name, role in PEOPLE:
        is_operator = is_first and role == Role.OWNER
        if email not in known:
            known[email] = User.objects.create(
                email=email,
                password=password,
                first_name=first_name,
                last_name=last_name,
                is_staff=is_operator,
                is_superuser=is_operator,
            )
        Membership.objects.get_or_create(
            workspace=workspace,
            user=known[email],
            defaults={"role": role, "team": team if role == Role.AGENT else None},
        )
    return {first_name: known[email] for email, first_name, *_ in PEOPLE}


def _fields() -> dict[str, ContactField]:
    known = {field.name: field for field in ContactField.objects.all()}
    missing = [name for name in FIELDS if name not in known]
    made = {name: field_create(name=name, kind=FIELDS[name][0], options=FIELDS[name][1]) for name in missing}
    return {**known, **made}


def _tags(workspace: Workspace) -> dict[str, Tag]:
    rows = [Tag(workspace=workspace, name=name, colour=colour) for name, colour in TAGS.items()]
    Tag.objects.bulk_create(rows, ignore_conflicts=True)
    return {tag.name: tag for tag in Tag.objects.all()}


def _categories(workspace: Workspace) -> dict[str, ClosingCategory]:
    rows = [
        ClosingCategory(workspace=workspace, name=name, description=text) for name, text in CATEGORIES.items()
    ]
    ClosingCategory.objects.bulk_create(rows, ignore_conflicts=True)
    return {category.name: category for category in ClosingCategory.objects.all()}
