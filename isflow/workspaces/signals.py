"""What upper apps may want to do when something happens to a workspace or a person."""

from __future__ import annotations

from django.dispatch import Signal

workspace_created = Signal()
"""Sent with ``workspace``, in its creating transaction, inside its scope: add what a new one starts with."""

member_removed = Signal()
"""Sent with ``workspace_id`` and ``user_id``, in the transaction and inside the scope: release their work."""
