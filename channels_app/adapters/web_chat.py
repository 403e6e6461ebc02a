"""Our own chat widget on the business's web site. Messages are delivered by our own commit."""

from __future__ import annotations

import re
from typing import Final

from pydantic import Field, field_validator

from channels_app.contract import (
    AdapterConfig,
    AdapterIO,
    Capabilities,
    ChannelAdapter,
    OutboundMessage,
    SendReceipt,
    adapters,
)
from isflow.infra.origins import parse_origin

_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")


class WebChatConfig(AdapterConfig):
    title: str = Field(default="", max_length=60, description="Title at the top of the widget")
    greeting: str = Field(default="", max_length=300, description="First line a visitor reads")
    colour: str = Field(default="", description="Colour such as #3b4cca")
    allowed_origins: tuple[str, ...] = Field(
        default=(), max_length=50, description="Sites that may show the widget; empty means any"
    )

    @field_validator("colour")
    @classmethod
    def _is_colour(cls, value: str) -> str:
        if value and not _COLOUR.fullmatch(value):
            raise ValueError("Write a colour such as #3b4cca")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            if parse_origin(text) is None:
                raise ValueError("Write each site such as https://www.example.com, without a path")
        return value


@adapters.register("web_chat")
class WebChatAdapter(ChannelAdapter[WebChatConfig]):
    label = "Web chat"
    config_class = WebChatConfig
    capabilities = Capabilities(
        text_limit=2000,
        max_buttons=10,
        button_label_limit=40,
        media_kinds=frozenset({"image", "audio", "video", "file"}),
        instant=True,
        idempotent=True,
    )

    def send(self, message: OutboundMessage, config: WebChatConfig, io: AdapterIO) -> SendReceipt:
        raise RuntimeError("A web chat message is sent by the commit that stores it.")
