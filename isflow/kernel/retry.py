"""Arithmetic of repeating: how long to wait before the next attempt."""

from __future__ import annotations

_MAX_EXPONENT = 64  # beyond this every cap is reached; larger powers only cost time


def backoff_seconds(attempt: int, *, base: float = 2, factor: float = 4, cap: float = 30) -> float:
    """Return the seconds to wait after a failed attempt (the first is 1): base, base·factor, … cap."""
    exponent = min(max(attempt - 1, 0), _MAX_EXPONENT)
    return float(min(base * factor**exponent, cap))
