"""The shape of a document: one root, every step reachable, one way in each, no circle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

NEXT = "next"


class Node(Protocol):
    """Anything with outlets that lead to steps."""

    @property
    def outlets(self) -> Mapping[str, str | None]:
        """Step ids by outlet."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What following the outlets finds. ``parents``: step and outlet one comes from; the root has none."""

    root: str = ""
    parents: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    reachable: frozenset[str] = frozenset()
    doubled: frozenset[str] = frozenset()
    circular: frozenset[str] = frozenset()

    def path_to(self, step_id: str, start: str = "") -> list[tuple[str, str]]:
        """Steps passed on the way from ``start`` (or the root), each with the outlet taken; nearest last."""
        path: list[tuple[str, str]] = []
        seen = {step_id}
        while step_id != start and step_id in self.parents:
            parent = self.parents[step_id]
            if parent[0] in seen:
                break
            path.append(parent)
            seen.add(parent[0])
            step_id = parent[0]
        return path[::-1]

    def is_behind(self, step_id: str, start: str) -> bool:
        """Whether one comes to the step from ``start``, which is behind itself."""
        return step_id == start or any(passed == start for passed, _ in self.path_to(step_id))


def shape_of(root: str | None, steps: Mapping[str, Node]) -> Shape:
    """Follow all outlets; those that lead to no step of the document are left out."""
    links = [
        (parent, outlet, target)
        for parent, node in steps.items()
        for outlet, target in node.outlets.items()
        if target is not None and target in steps
    ]
    ways_in = Counter(target for _, _, target in links)
    root = root if root in steps else None
    if root is not None:
        ways_in[root] += 1
    return Shape(
        root=root or "",
        parents={target: (parent, outlet) for parent, outlet, target in reversed(links) if target != root},
        reachable=frozenset(_reach(root, steps)) if root is not None else frozenset(),
        doubled=frozenset(step for step, count in ways_in.items() if count > 1),
        circular=frozenset(step for step in steps if _returns(step, steps)),
    )


def _reach(start: str, steps: Mapping[str, Node]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        step = waiting.pop()
        if step in seen:
            continue
        seen.add(step)
        waiting.extend(_targets(step, steps))
    return seen


def _returns(start: str, steps: Mapping[str, Node]) -> bool:
    return any(start in _reach(target, steps) for target in _targets(start, steps))


def _targets(step: str, steps: Mapping[str, Node]) -> Iterator[str]:
    return (target for target in steps[step].outlets.values() if target in steps and target is not None)
