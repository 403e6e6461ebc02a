"""Reading channels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from channels_app.contract import Capabilities, adapters
from channels_app.models import Channel
from isflow.workspaces.scope import all_workspaces

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel as lists and pickers show it."""

    id: int
    name: str
    kind: str
    kind_label: str
    status: str
    last_error: str
    capabilities: Capabilities


def channel_by_token(token: str) -> Channel | None:
    """The channel that a provider calls, in whatever workspace it is; None if unknown or disconnected."""
    if not _TOKEN.fullmatch(token):
        return None
    with all_workspaces():
        rows = Channel.objects.exclude(status=Channel.Status.DISCONNECTED)
        return rows.filter(token=token).first()


def channel_views() -> list[ChannelView]:
    """All channels of the workspace in scope, in order of names; one query."""
    return [_view(channel) for channel in Channel.objects.order_by("name", "pk")]


def kind_label(kind: str) -> str:
    """What people call a kind of channel."""
    return str(adapters.get(kind).label) if kind in adapters else kind


def capabilities_of(kind: str) -> Capabilities:
    """What a kind of channel can carry; one that is no longer installed carries plain text."""
    return adapters.get(kind).capabilities if kind in adapters else Capabilities()


def _view(channel: Channel) -> ChannelView:
    return ChannelView(
        id=channel.pk,
        name=channel.name,
        kind=channel.kind,
        kind_label=kind_label(channel.kind),
        status=channel.status,
        last_error=channel.last_error,
        capabilities=capabilities_of(channel.kind),
    )
