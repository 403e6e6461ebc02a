"""The contract of a step type. A step reads its context and returns an outcome; it writes nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from isflow.kernel.registry import Registry
from isflow.kernel.values import Scalar
from workflows.contract.config import StepConfig
from workflows.contract.context import StepContext
from workflows.contract.known import Known
from workflows.contract.outcome import Answer, Outcome, Resume
from workflows.contract.outlets import NEXT, Outlet, OutletRule, always, outlets_of
from workflows.contract.snapshot import Need


@dataclass(frozen=True, slots=True)
class Output:
    """A variable that exists once the step has been passed."""

    name: str
    label: str = ""
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the settings that their types cannot say. ``field``: dotted path."""

    field: str
    message: str
    code: str = "invalid"
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Emission:
    """An event a step may cause, for the loop check. A fact that is None or absent may be anything.

    ``is_on_arrival``: it happens before the contact has acted, even in a step that breaks cycles.
    """

    kind: str
    facts: dict[str, Scalar] = field(default_factory=dict)
    workflow_id: int | None = None
    is_on_arrival: bool = False


_C = TypeVar("_C", bound=StepConfig)


class StepType(ABC, Generic[_C]):
    """One kind of step. Stateless: one instance serves every run of every thread."""

    key: ClassVar[str]
    label: ClassVar[Any]
    description: ClassVar[Any] = ""
    icon: ClassVar[str] = "step"
    group: ClassVar[str] = "other"
    summary: ClassVar[str] = ""
    """One line for the card: settings by dotted path in braces, such as ``{default.text}``."""
    config_class: type[_C]
    outlet_rules: ClassVar[tuple[OutletRule, ...]] = (always(NEXT),)
    needs: ClassVar[frozenset[Need]] = frozenset()
    breaks_cycles: ClassVar[bool] = False
    """Whether a contact must act before the run goes on, so that a cycle through it cannot spin."""

    def outlets(self, config: _C) -> tuple[Outlet, ...]:
        """The ways out that a step with these settings has."""
        return outlets_of(self.outlet_rules, config)

    def outputs(self, config: _C) -> tuple[Output, ...]:
        """The variables that a step with these settings leaves behind."""
        return ()

    def needs_of(self, config: _C) -> frozenset[Need]:
        """The parts of the snapshot that a step with these settings reads, besides those of its templates."""
        return self.needs

    def breaks_cycle_at(self, outlet: str) -> bool:
        """Whether whoever leaves by this outlet has waited for the contact to act."""
        return self.breaks_cycles

    def problems(self, config: _C) -> Iterable[Problem]:
        """What is wrong with settings whose types are right."""
        return ()

    def misfits(self, config: _C, known: Known) -> Iterable[Problem]:
        """What does not fit the things of the workspace. That references exist is checked for all alike."""
        return ()

    def emissions(self, config: _C) -> Iterable[Emission]:
        """Events that a step with these settings may cause."""
        return ()

    @abstractmethod
    def execute(self, ctx: StepContext, config: _C) -> Outcome:
        """Do the step's work on arrival."""

    def resume(self, ctx: StepContext, config: _C, resume: Resume) -> Outcome:
        """Go on after a Wait. Types that return Wait must have it."""
        raise TypeError(f"{self.key} does not wait")

    def receive(self, ctx: StepContext, config: _C, answer: Answer) -> Outcome:
        """Go on after a Call. Types that return Call must have it."""
        raise TypeError(f"{self.key} does not call")


step_types: Registry[StepType[Any]] = Registry("step type")
