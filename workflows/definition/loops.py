"""Workflows that would start each other for ever: found before publishing.

An edge leads from a workflow to another if one of its steps may cause what the other listens to. An edge
behind a step that waits for the contact is left out, because nothing can spin there - but a workflow that
repeats its own trigger is always a loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from workflows.contract import Emission
from workflows.definition.compile import CompiledStep, Definition
from workflows.definition.graph import Shape, shape_of

START_WORKFLOW = "start_workflow"


@dataclass(frozen=True, slots=True)
class Member:
    """A workflow as the check sees it."""

    workflow_id: int
    name: str
    definition: Definition


@dataclass(frozen=True, slots=True)
class LoopEdge:
    """One step of the circle: which step of which workflow starts which workflow."""

    workflow_id: int
    workflow_name: str
    step_id: str
    step_name: str
    target_id: int
    target_name: str

    def __str__(self) -> str:
        return f"{self.workflow_name} · {self.step_name} → {self.target_name}"


_Place = tuple[int, str]
"""A workflow and the step by which one enters it."""


@dataclass(slots=True)
class _Field:
    members: dict[int, Member]
    shapes: dict[int, Shape] = field(default_factory=dict)

    def shape(self, member: Member) -> Shape:
        if member.workflow_id not in self.shapes:
            definition = member.definition
            self.shapes[member.workflow_id] = shape_of(definition.first_step_id, definition.steps)
        return self.shapes[member.workflow_id]

    def edges(self, place: _Place) -> Iterator[tuple[LoopEdge, _Place]]:
        """Every way on from a workflow that was entered at a step."""
        member = self.members[place[0]]
        shape = self.shape(member)
        for step in member.definition.steps.values():
            if not shape.is_behind(step.id, place[1]):
                continue
            is_behind_contact = _waits_on_the_way(member, shape, step, place[1])
            for emission in step.type.emissions(step.config):
                rests = is_behind_contact or (step.type.breaks_cycles and not emission.is_on_arrival)
                yield from self._edges_of(member, step, emission, rests=rests)

    def _edges_of(
        self, member: Member, step: CompiledStep, emission: Emission, *, rests: bool
    ) -> Iterator[tuple[LoopEdge, _Place]]:
        for target in self._targets(emission):
            repeats_itself = target is member and emission.kind != START_WORKFLOW
            if rests and not repeats_itself:
                continue
            entry = str(emission.facts.get("start_step_id") or "") or target.definition.first_step_id
            edge = LoopEdge(
                member.workflow_id, member.name, step.id, step.name, target.workflow_id, target.name
            )
            yield edge, (target.workflow_id, entry)

    def _targets(self, emission: Emission) -> Iterator[Member]:
        if emission.kind == START_WORKFLOW:
            if emission.workflow_id in self.members:
                yield self.members[emission.workflow_id]
            return
        for member in self.members.values():
            definition = member.definition
            if definition.trigger.admits(emission, definition.trigger_config):
                yield member


def find_loop(candidate: Member, published: Iterable[Member]) -> list[LoopEdge] | None:
    """The shortest circle that would lead back to the candidate, None if there is none."""
    members = {member.workflow_id: member for member in published}
    members[candidate.workflow_id] = candidate
    ground = _Field(members)
    first = (candidate.workflow_id, candidate.definition.first_step_id)
    for place in dict.fromkeys([first, *_other_entries(ground, candidate)]):
        circle = _way_back(ground, place)
        if circle is not None:
            return circle
    return None


def _other_entries(ground: _Field, candidate: Member) -> Iterator[_Place]:
    for member in ground.members.values():
        for step in member.definition.steps.values():
            for emission in step.type.emissions(step.config):
                start = emission.facts.get("start_step_id")
                if emission.workflow_id == candidate.workflow_id and start:
                    yield candidate.workflow_id, str(start)


def _way_back(ground: _Field, start: _Place) -> list[LoopEdge] | None:
    """Breadth first, so that the circle shown is the shortest."""
    reached: dict[_Place, list[LoopEdge]] = {}
    waiting: deque[tuple[_Place, list[LoopEdge]]] = deque([(start, [])])
    while waiting:
        place, path = waiting.popleft()
        for edge, target in ground.edges(place):
            if target == start:
                return [*path, edge]
            if target not in reached:
                reached[target] = [*path, edge]
                waiting.append((target, reached[target]))
    return None


def _waits_on_the_way(member: Member, shape: Shape, step: CompiledStep, entry: str) -> bool:
    steps = member.definition.steps
    return any(steps[passed].type.breaks_cycle_at(outlet) for passed, outlet in shape.path_to(step.id, entry))
