"""Signals for the apps above."""

from __future__ import annotations

from django.dispatch import Signal

items_received = Signal()
"""Sent with ``channel``, ``items`` (InboundMessage and InboundStatus, in order) and ``delivery``.

It is sent in the channel's workspace and inside the transaction that marks the delivery processed. A receiver
that raises kernel ``Transient`` says: all else is stored, give me the same items again later. Any other error
takes everything back. Either way the same items may come more than once.
"""
