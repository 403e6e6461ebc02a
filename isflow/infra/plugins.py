"""Finding plug-ins: our own folders first, then those of the operator's packages."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from django.conf import settings

from isflow.kernel.registry import Registry


def discover(package: str, folder: str, registry: Registry[Any]) -> None:
    """Import every plug-in module of ``package`` and of ``<extra>.<folder>`` for settings.ISFLOW_PLUGINS."""
    registry.discover(package)
    for extra in settings.ISFLOW_PLUGINS:
        name = f"{extra}.{folder}"
        if find_spec(name) is not None:
            registry.discover(name)
