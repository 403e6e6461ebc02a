"""Bringing what somebody wants to say into the shape a channel can carry. Pure: text in, text out."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from channels_app.contract import Attachment, Capabilities, Option

_BREAKS: Final = re.compile(r"(?i)<br\s*/?>|</(?:p|div|li|tr|h[1-6])\s*>")
_TAGS: Final = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class OutboundContent:
    """What is to be said, before or after it was made to fit."""

    text: str = ""
    options: tuple[Option, ...] = ()
    options_title: str = ""
    attachments: tuple[Attachment, ...] = ()
    subject: str = ""
    html: str = ""


def render(content: OutboundContent, capabilities: Capabilities) -> OutboundContent:
    """Return the content as the channel can carry it: nothing is lost but what exceeds its limits.

    Choices that cannot be tapped become numbered lines, files it cannot carry become addresses, HTML
    becomes text. If the text is too long, the end of the prose is cut, never a choice or an address.
    """
    text = content.text
    if content.html and not capabilities.has_html and not text.strip():
        text = text_of_html(content.html)
    carried = tuple(file for file in content.attachments if file.kind in capabilities.media_kinds)
    lines = [file.url for file in content.attachments if file.kind not in capabilities.media_kinds]
    tappable = fits_as_options(content.options, capabilities)
    if content.options and not tappable:
        lines = [*numbered(content.options), *lines]
    return replace(
        content,
        text=_joined(text, lines, capabilities.text_limit),
        options=content.options if tappable else (),
        options_title=content.options_title if tappable else "",
        attachments=carried,
        subject=content.subject if capabilities.has_subject else "",
        html=content.html if capabilities.has_html else "",
    )


def fits_as_options(options: Sequence[Option], capabilities: Capabilities) -> bool:
    """Tell whether choices can be tapped on this channel, as buttons or as rows of a list."""
    most = max(capabilities.max_buttons, capabilities.max_list_rows)
    return len(options) <= most and all(len(o.label) <= capabilities.button_label_limit for o in options)


def numbered(options: Sequence[Option]) -> list[str]:
    """Return the choices as lines that a contact answers with a number."""
    return [f"{number}. {option.label}" for number, option in enumerate(options, start=1)]


def text_of_html(markup: str) -> str:
    """Return the readable text of simple HTML."""
    plain = html.unescape(_TAGS.sub("", _BREAKS.sub("\n", markup)))
    return re.sub(r"\n\s*\n+", "\n\n", plain).strip()


def _joined(text: str, lines: Sequence[str], limit: int) -> str:
    """Put the lines below the text, cutting the text so that both fit."""
    if not lines:
        return text[:limit]
    tail = "\n".join(lines)
    room = max(0, limit - len(tail) - 1)
    head = text[:room].rstrip("\n")
    return f"{head}\n{tail}"[:limit] if head else tail[:limit]
