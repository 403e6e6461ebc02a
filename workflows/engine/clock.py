"""The engine's clock: one place to ask, so that tests and simulators may set it."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone


def now() -> datetime:
    """The present instant, in UTC."""
    return timezone.now()
