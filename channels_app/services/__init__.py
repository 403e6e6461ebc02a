"""Connecting accounts, taking in what providers deliver, handing messages to providers."""

from __future__ import annotations

from channels_app.services.accounts import (
    channel_connect,
    channel_create,
    channel_disconnect,
    channel_fault,
    channel_pause,
)
from channels_app.services.deliveries import deliveries_process, delivery_replay, delivery_store
from channels_app.services.pruning import deliveries_prune
from channels_app.services.sending import send

__all__ = [
    "channel_connect",
    "channel_create",
    "channel_disconnect",
    "channel_fault",
    "channel_pause",
    "deliveries_process",
    "deliveries_prune",
    "delivery_replay",
    "delivery_store",
    "send",
]
