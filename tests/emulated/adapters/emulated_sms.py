"""Short messages: 1,600 characters at most, nothing to tap, may be the first to write."""

from __future__ import annotations

import re

from channels_app.contract import Capabilities, adapters
from tests.emulated import outbox
from tests.emulated.base import EmulatedAdapter


@adapters.register("emulated_sms")
class EmulatedSms(EmulatedAdapter):
    label = "Emulated SMS"
    outbox = outbox.sms
    capabilities = Capabilities(text_limit=1600, starts_conversations=True)

    def normalise_address(self, address: str) -> str:
        return "+" + re.sub(r"\D", "", address)
