"""Named places where a test lets the process die, fail or freeze; free of charge while nothing is armed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

EXIT_CODE = 137
"""Exit status of a process killed at a fault point: that of SIGKILL."""

FAULT_POINTS: set[str] = set()
"""Every declared fault point, for tests that visit them all."""


class Crash(BaseException):
    """The simulated death of the process; nobody may swallow it."""


@dataclass
class _Fault:
    action: Callable[[], object]
    passes_left: int


_armed: dict[str, _Fault] = {}


def fault_point(name: str) -> None:
    """Do what was armed for this place: in production, nothing."""
    if _armed:
        _reach(name)


def declare(*names: str) -> None:
    """Enter fault points into ``FAULT_POINTS``; a module does so once for each point it contains."""
    FAULT_POINTS.update(names)


def arm(name: str, action: Callable[[], object], *, after: int = 0) -> None:
    """Call ``action`` each time the place is reached, letting the first ``after`` passes through."""
    _armed[name] = _Fault(action, after)


def disarm_all() -> None:
    """Forget everything that was armed."""
    _armed.clear()


def die() -> None:
    """Simulate the death of the process by raising Crash."""
    raise Crash


def arm_from_text(text: str) -> None:
    """Arm faults written as ``name=exit``, ``name=raise`` or ``name=freeze:2.5``, separated by commas.

    ``@3`` at the end lets three passes through first. Raises ValueError for anything else.
    """
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, rest = part.partition("=")
        action, _, after = rest.partition("@")
        if not equals or not name:
            raise ValueError(f"Not a fault: {part!r}")
        arm(name, _action(action), after=int(after or 0))


def _action(text: str) -> Callable[[], object]:
    """Return what ``exit``, ``raise`` or ``freeze:<seconds>`` does."""
    kind, _, seconds = text.partition(":")
    if kind == "exit":
        return lambda: os._exit(EXIT_CODE)
    if kind == "raise":
        return die
    if kind == "freeze":
        duration = float(seconds)
        return lambda: time.sleep(duration)
    raise ValueError(f"Not a fault action: {text!r}")


def _reach(name: str) -> None:
    """Count the pass and act when its turn has come."""
    FAULT_POINTS.add(name)
    fault = _armed.get(name)
    if fault is None:
        return
    if fault.passes_left > 0:
        fault.passes_left -= 1
        return
    fault.action()


arm_from_text(os.environ.get("ISFLOW_FAULT", ""))
