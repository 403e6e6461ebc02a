"""A messenger with three buttons, lists of ten, templates, and free messages only for 24 hours."""

from __future__ import annotations

from channels_app.contract import Capabilities, adapters
from tests.emulated import outbox
from tests.emulated.base import EmulatedAdapter


@adapters.register("emulated_chat")
class EmulatedChat(EmulatedAdapter):
    label = "Emulated chat"
    outbox = outbox.chat
    capabilities = Capabilities(
        text_limit=4096,
        max_buttons=3,
        max_list_rows=10,
        media_kinds=frozenset({"image", "audio", "video", "file"}),
        has_templates=True,
        has_location=True,
        window_hours=24,
    )
