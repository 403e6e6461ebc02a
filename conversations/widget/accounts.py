"""The web-chat channel behind a widget token, and how its widget looks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from channels_app.models import Channel
from isflow.infra.origins import allowed_origins, origin_allowed, parse_origin
from isflow.workspaces.scope import all_workspaces

KIND: Final = "web_chat"
DEFAULT_COLOUR: Final = "#3b4cca"
_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")
_LINEAR: Final = 0.03928
_LIGHT: Final = 0.179
"""Relative luminance above which dark text has the better contrast."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a visitor sees of the settings; ``ink`` is the readable text colour on ``colour``."""

    title: str
    greeting: str
    colour: str
    ink: str


def channel_of_widget(token: str) -> Channel | None:
    """Return the connected web-chat channel with this token, or None."""
    with all_workspaces():
        rows = Channel.objects.exclude(status=Channel.Status.DISCONNECTED)
        return rows.filter(token=token, kind=KIND).select_related("workspace").first()


def look_of(channel: Channel) -> Look:
    """Read the widget's look from the channel's settings; what is missing or broken gets a default."""
    config: Mapping[str, Any] = channel.config or {}
    colour = str(config.get("colour") or "")
    colour = colour if _HEX.fullmatch(colour) else DEFAULT_COLOUR
    return Look(
        title=str(config.get("title") or channel.name),
        greeting=str(config.get("greeting") or _("Hello! Write to us, we are glad to help.")),
        colour=colour,
        ink="#111827" if _luminance(colour) > _LIGHT else "#ffffff",
    )


def origins_of(channel: Channel) -> list[str]:
    """Return the origins whose pages may show the widget; an empty list means any."""
    config: Mapping[str, Any] = channel.config or {}
    return [str(text) for text in config.get("allowed_origins") or () if parse_origin(str(text)) is not None]


def origin_fits(channel: Channel, origin: str | None, *, own: str) -> bool:
    """Say whether a call may come from a page of this origin; programs send none, our frame sends ``own``."""
    listed = origins_of(channel)
    if origin is None or not listed:
        return True
    return origin_allowed(origin, allowed_origins([own, *listed]))


def _luminance(colour: str) -> float:
    """Return the relative luminance as the accessibility guidelines define it, 0 to 1."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= _LINEAR else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
