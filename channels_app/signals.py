"""Signals for the apps above."""

from __future__ import annotations

from django.dispatch import Signal

items_received = Signal()
"""Sent with ``channel`` and ``items``: InboundMessage and InboundStatus of several deliveries, in order.

It is sent in the channel's workspace and inside the transaction that marks the deliveries processed. A
receiver may return items that it wants to be given again later, the very objects; all else is then stored.
Raising kernel ``Transient`` means: nothing is stored, give me everything again later. Any other error takes
everything back, too, and counts against the delivery. In every case the same items may come more than once.
"""
