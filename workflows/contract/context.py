"""What a step is given: the snapshot, the run's variables, the clock, and a place for its effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from isflow.kernel import templates
from isflow.kernel.values import Scalar
from workflows.contract.effects import Effect
from workflows.contract.snapshot import ContactView, ConversationView, Snapshot
from workflows.contract.variables import RunView, Scope, lookup, value_of

VARIABLE_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth a line in the journal: a stable code and a sentence for people."""

    code: str
    text: str


@dataclass(slots=True)
class StepContext:
    """One visit of a run to a step. ``key`` names the visit for ever: use it for effects outside."""

    snapshot: Snapshot
    run: RunView
    variables: dict[str, Scalar]
    declared: frozenset[str]
    now: datetime
    key: str
    step_id: str
    step_name: str
    effects: list[Effect] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    inputs: dict[str, Scalar] = field(default_factory=dict)
    outputs: dict[str, Scalar] = field(default_factory=dict)

    @property
    def contact(self) -> ContactView:
        """The contact as the burst has made it."""
        return self.snapshot.contact

    @property
    def conversation(self) -> ConversationView:
        """The contact's latest conversation as the burst has made it."""
        return self.snapshot.conversation

    @property
    def zone(self) -> ZoneInfo:
        """The workspace's time zone."""
        return self.run.zone

    def effect(self, effect: Effect) -> None:
        """Want something changed; the next step of the burst sees it done."""
        self.effects.append(effect)
        self.snapshot = effect.apply(self.snapshot)

    def render(
        self,
        text: str,
        escape: Callable[[str], str] = templates.identity,
        limit: int = templates.DEFAULT_LIMIT,
        *,
        drop_unknown: bool = False,
    ) -> str:
        """The text with its variables replaced, escaped for the place where it will stand.

        ``drop_unknown``: a name nobody knows leaves nothing, as it should where machines read.
        """
        scope = self._scope()
        if drop_unknown:
            text = _without_unknown(text, scope)
        return templates.render(text, lambda name: lookup(scope, name), escape=escape, limit=limit)

    def value(self, name: str) -> Scalar:
        """The value of a variable by its name without ``$``; None if it has none."""
        return value_of(self._scope(), name.lower())[1]

    def set_variable(self, name: str, value: Scalar) -> None:
        """Keep a value for the later steps of this run."""
        if isinstance(value, str):
            value = value[:VARIABLE_LIMIT]
        self.variables[name] = value
        self.outputs[name] = value

    def note(self, code: str, text: str) -> None:
        """Add a line to the journal of this visit."""
        self.notes.append(Note(code, text))

    def _scope(self) -> Scope:
        return Scope(self.snapshot, self.run, self.variables, self.declared, self.now)


def _without_unknown(text: str, scope: Scope) -> str:
    pieces: list[str] = []
    position = 0
    for reference in templates.names(text):
        known = any(value_of(scope, name)[0] for name in reference.candidates)
        pieces.append(text[position : reference.end if known else reference.start])
        position = reference.end
    return "".join(pieces) + text[position:]
