"""Building blocks of pages: icons, avatars, presence."""

from __future__ import annotations

from zlib import crc32

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from isflow.workspaces.models import Presence

register = template.Library()

HUES = 8


@register.simple_tag
def icon(name: str, size: str = "", label: str = "") -> SafeString:
    """Draw an icon of the sprite; with a label it speaks, without it is decoration."""
    css = f"icon icon--{size}" if size else "icon"
    href = f"{static('ui/icons.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="{}" role="img" aria-label="{}"><use href="{}"></use></svg>', css, label, href
        )
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"></use></svg>', css, href)


@register.simple_tag
def logo() -> SafeString:
    """Draw the logo."""
    href = f"{static('ui/icons.svg')}#logo"
    return format_html('<svg class="logo" aria-hidden="true"><use href="{}"></use></svg>', href)


@register.simple_tag
def avatar(name: str, size: str = "", presence: str = "") -> SafeString:
    """Draw a person's initials in their own colour, with a dot for their presence."""
    words = [word for word in name.replace("@", " ").replace(".", " ").split() if word[:1].isalnum()]
    initials = "".join(word[0] for word in words[:2]).upper() or "?"
    css = f"avatar avatar--h{crc32(name.encode()) % HUES}" + (f" avatar--{size}" if size else "")
    dot = format_html('<span class="dot dot--{}"></span>', presence) if presence in Presence.values else ""
    return format_html('<span class="{}" aria-hidden="true">{}{}</span>', css, initials, dot)
