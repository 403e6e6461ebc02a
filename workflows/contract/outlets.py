"""The ways out of a step, declared as data so that Python and the builder read one rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Outlet:
    """A named way out; the id is stored and never renamed."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class OutletRule:
    """One outlet, or one per item of a list.

    ``when``: dotted path of a setting that must be truthy. ``each``: path of a list whose items have an
    ``id`` (the outlet) and a ``label_from`` (its name).
    """

    id: str = ""
    label: str = ""
    when: str = ""
    each: str = ""
    label_from: str = "name"


NEXT = Outlet("next", "Next")
SUCCESS = Outlet("success", "Success")
FAILURE = Outlet("failure", "Failure")
TIMEOUT = Outlet("timeout", "Timeout")
MESSAGE_FAILURE = Outlet("message_failure", "Message failure")
ELSE = Outlet("else", "Else")


def always(outlet: Outlet) -> OutletRule:
    """The outlet is always there."""
    return OutletRule(outlet.id, outlet.label)


def when(outlet: Outlet, path: str) -> OutletRule:
    """The outlet is there while a setting is on."""
    return OutletRule(outlet.id, outlet.label, when=path)


def each(path: str, label_from: str = "name") -> OutletRule:
    """One outlet for each item of a list setting."""
    return OutletRule(each=path, label_from=label_from)


def outlets_of(rules: Sequence[OutletRule], config: Any) -> tuple[Outlet, ...]:
    """The outlets that a step with these settings has, in the order of the canvas."""
    return tuple(outlet for rule in rules for outlet in _outlets(rule, config))


def _outlets(rule: OutletRule, config: Any) -> Iterator[Outlet]:
    if rule.each:
        for item in _at(config, rule.each):
            yield Outlet(item.id, getattr(item, rule.label_from) or item.id)
    elif not rule.when or _at(config, rule.when):
        yield Outlet(rule.id, rule.label)


def _at(config: Any, path: str) -> Any:
    for name in path.split("."):
        config = getattr(config, name)
    return config
