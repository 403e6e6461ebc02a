"""System checks of the settings isflow cannot safely run without."""

from __future__ import annotations


def register_checks() -> None:
    """Make Django run these checks at start."""
