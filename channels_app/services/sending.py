"""Handing one message to a provider."""

from __future__ import annotations

import structlog

from channels_app.connections import ChannelBrokenError, connection_of
from channels_app.contract import DeliveryError, DeliveryUnknown, OutboundMessage, SendReceipt
from channels_app.models import Channel
from channels_app.wire import adapter_io

log = structlog.get_logger(__name__)


def send(channel: Channel, message: OutboundMessage) -> SendReceipt:
    """Send by the channel's adapter. To be called with no transaction open: it talks to the network.

    Raises DeliveryError if surely nothing was sent, DeliveryUnknown if nobody can know.
    """
    try:
        connection = connection_of(channel)
    except ChannelBrokenError as error:
        raise DeliveryError(str(error), permanent=True) from error
    try:
        receipt = connection.adapter.send(message, connection.config, adapter_io())
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # The adapter stumbled, perhaps over the provider's answer, so the message may be out.
        log.exception("channel.adapter_failed", kind=channel.kind, channel=channel.pk)
        raise DeliveryUnknown(f"The channel's answer could not be read ({type(error).__name__}).") from error
    return receipt
