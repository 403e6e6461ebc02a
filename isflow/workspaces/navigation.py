"""The entries of the main navigation: each app adds its own, each member sees what they may open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import NoReverseMatch, reverse

from isflow.workspaces.access import Permission, allowed
from isflow.workspaces.models import Membership

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise


@dataclass(frozen=True)
class NavEntry:
    """A page of the main navigation. ``url_name`` takes the workspace's slug unless it is an admin page."""

    key: str
    label: _StrOrPromise
    icon: str
    url_name: str
    permission: Permission
    order: int


@dataclass(frozen=True)
class NavLink:
    """An entry as one member sees it."""

    key: str
    label: _StrOrPromise
    icon: str
    url: str
    is_current: bool


_entries: dict[str, NavEntry] = {}


def register_nav(*entries: NavEntry) -> None:
    """Add pages to the main navigation; the same key again replaces the entry."""
    _entries.update({entry.key: entry for entry in entries})


def nav_links(membership: Membership, path: str) -> list[NavLink]:
    """Return the member's entries in order; one whose page is not installed is left out."""
    links = []
    for entry in sorted(_entries.values(), key=lambda entry: entry.order):
        url = page_url(entry.url_name, membership.workspace.slug)
        if url and allowed(membership, entry.permission):
            links.append(NavLink(entry.key, entry.label, entry.icon, url, path.startswith(url)))
    return links


def page_url(name: str, slug: str) -> str:
    """Return the address of a page, or nothing if no installed app has it."""
    try:
        return reverse(name) if name.startswith("admin:") else reverse(name, kwargs={"slug": slug})
    except NoReverseMatch:
        return ""
