"""E-mail with subject and HTML; may be the first to write."""

from __future__ import annotations

from channels_app.contract import Capabilities, adapters
from tests.emulated import outbox
from tests.emulated.base import EmulatedAdapter


@adapters.register("emulated_email")
class EmulatedEmail(EmulatedAdapter):
    label = "Emulated e-mail"
    outbox = outbox.email
    capabilities = Capabilities(
        text_limit=100_000,
        media_kinds=frozenset({"image", "audio", "video", "file"}),
        has_subject=True,
        has_html=True,
        starts_conversations=True,
    )

    def normalise_address(self, address: str) -> str:
        return address.strip().lower()
