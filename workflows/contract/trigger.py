"""The contract of a trigger: which kind of event it listens to, whether one matches, what the run learns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar
from zoneinfo import ZoneInfo

from isflow.kernel.registry import Registry
from isflow.kernel.values import Scalar
from workflows.contract.config import TriggerConfig
from workflows.contract.step import Emission, Output, Problem


@dataclass(frozen=True, slots=True)
class EventView:
    """A committed fact. ``payload`` holds plain JSON values as the app that owns the thing wrote them."""

    kind: str
    contact_id: int
    at: datetime
    source: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    workflow_id: int | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first condition that said no, by its place, and why in a few words."""

    index: int
    reason: str


_C = TypeVar("_C", bound=TriggerConfig)


class TriggerType(ABC, Generic[_C]):
    """One kind of trigger. ``event_kind`` None: started directly, by a person or another system."""

    key: ClassVar[str]
    label: ClassVar[Any]
    description: ClassVar[Any] = ""
    icon: ClassVar[str] = "bolt"
    summary: ClassVar[str] = ""
    config_class: type[_C]
    event_kind: ClassVar[str | None] = None
    admits_blocked: ClassVar[bool] = False

    @abstractmethod
    def match(self, event: EventView, config: _C) -> Mismatch | None:
        """None when the event fulfils the conditions, else the first that fails. Looks at the event only."""

    def variables(self, event: EventView, config: _C) -> Mapping[str, Scalar]:
        """What the run knows from the event, by full name such as ``conversation.summary``."""
        return {}

    def outputs(self, config: _C) -> tuple[Output, ...]:
        """The names that ``variables`` may fill."""
        return ()

    def problems(self, config: _C) -> Iterable[Problem]:
        """What is wrong with settings whose types are right."""
        return ()

    def admits(self, emission: Emission, config: _C) -> bool:
        """Whether an event that a step may cause could start this trigger (loop check)."""
        return emission.kind == self.event_kind


@dataclass(frozen=True, slots=True)
class WebhookReading:
    """What a trigger made of the document another system sent.

    ``identifier`` None: the document does not name a contact. ``notes``: values that could not be kept.
    """

    identifier_kind: str
    identifier: str | int | None
    path: str
    variables: Mapping[str, Scalar] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class WebhookTrigger(TriggerType[_C]):
    """A trigger that another system pulls by sending a JSON document to the workflow's own address."""

    @abstractmethod
    def read(self, document: Any, config: _C) -> WebhookReading:
        """Find the contact's identifier and the variables. Total: any JSON document."""


trigger_types: Registry[TriggerType[Any]] = Registry("trigger")
