"""Signals for the apps above."""

from __future__ import annotations

from django.dispatch import Signal

messages_settled = Signal()
"""Sent with ``outcomes: Sequence[MessageOutcome]`` in the transaction that records them, in the scope."""
