"""One burst, in memory: a run goes from step to step until it waits, calls out, ends or has had its share.

Pure but for the log: steps read their context and return outcomes; nothing here touches the database.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from isflow.kernel.ids import effect_key
from isflow.kernel.values import Scalar
from workflows.contract import (
    Answer,
    Call,
    CallUnknown,
    Effect,
    End,
    Leave,
    Outcome,
    Resume,
    RunView,
    Snapshot,
    StepContext,
    Wait,
)
from workflows.definition.compile import CompiledStep, Definition

log = structlog.get_logger(__name__)

STEP_ERROR = "step_error"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a run and a burst may go."""

    visits: int
    burst_steps: int


@dataclass(slots=True)
class Visit:
    """One journal row in the making."""

    seq: int
    step: CompiledStep
    started_at: datetime
    is_new: bool = True
    status: str = "done"
    outlet: str = ""
    error: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    finished_at: datetime | None = None


@dataclass(slots=True)
class Passage:
    """Where a run stood, what the burst did, and where it stands now."""

    run: RunView
    definition: Definition
    snapshot: Snapshot
    variables: dict[str, Scalar]
    step_id: str
    seq: int
    visits: list[Visit] = field(default_factory=list)
    effects: list[tuple[Effect, datetime]] = field(default_factory=list)
    wait: Wait | None = None
    call: Call | None = None
    end: End | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """How a burst begins: at the step's door, or with what woke or answered it.

    ``again``: the call of a repeatable step was lost with its worker; the step, being pure, asks once more.
    """

    resume: Resume | None = None
    answer: Answer | None = None
    again: bool = False
    started_at: datetime | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def is_new(self) -> bool:
        """Whether the step is entered, as opposed to gone on with."""
        return self.resume is None and self.answer is None and not self.again


def burst(passage: Passage, entry: Entry, at: datetime, bounds: Bounds) -> None:
    """Walk on from where the run stands. Everything that happened is left in the passage."""
    moment = at
    for count in range(bounds.burst_steps):
        if passage.seq >= bounds.visits and entry.is_new:
            passage.end = End("loop_guard", f"The run visited more than {bounds.visits} steps.")
            return
        step = passage.definition.steps.get(passage.step_id)
        if step is None:
            passage.end = End("internal_error", f"The step {passage.step_id} is not in this version.")
            return
        # A microsecond apart, so that what one burst writes into several tables keeps its order.
        moment = at + timedelta(microseconds=count)
        outcome = _visit(passage, step, entry, moment)
        entry = Entry()
        if not _move(passage, step, outcome):
            return


def _visit(passage: Passage, step: CompiledStep, entry: Entry, at: datetime) -> Outcome:
    if entry.is_new:
        passage.seq += 1
    visit = Visit(passage.seq, step, entry.started_at or at, is_new=entry.is_new, details=dict(entry.details))
    context = _context(passage, step, at)
    try:
        outcome = _act(step, context, entry)
    except Exception as error:  # a fault in a step must not harm other runs; it is recorded and shown
        log.exception("step.failed", step_type=step.type_key, run_id=passage.run.id, step_id=step.id)
        visit.error = f"{type(error).__name__}: {error}"[:500]
        context.effects.clear()
        context.snapshot = passage.snapshot
        outcome = _after_error(step)
    passage.snapshot = context.snapshot
    passage.effects.extend((effect, at) for effect in context.effects)
    _journal(visit, context, outcome, at, entry)
    passage.visits.append(visit)
    return outcome


def _act(step: CompiledStep, context: StepContext, entry: Entry) -> Outcome:
    if entry.resume is not None:
        return step.type.resume(context, step.config, entry.resume)
    if entry.answer is not None:
        return step.type.receive(context, step.config, entry.answer)
    return step.type.execute(context, step.config)


def _after_error(step: CompiledStep) -> Outcome:
    outlets = {outlet.id for outlet in step.type.outlets(step.config)}
    return Leave("next") if "next" in outlets else End("internal_error", f"The step “{step.name}” failed.")


def _context(passage: Passage, step: CompiledStep, at: datetime) -> StepContext:
    return StepContext(
        snapshot=passage.snapshot,
        run=passage.run,
        variables=passage.variables,
        declared=passage.definition.declared,
        now=at,
        key=effect_key(passage.run.id, passage.seq),
        step_id=step.id,
        step_name=step.name,
    )


def _journal(visit: Visit, context: StepContext, outcome: Outcome, at: datetime, entry: Entry) -> None:
    details = visit.details
    if context.inputs:
        details["inputs"] = {**details.get("inputs", {}), **context.inputs}
    if context.outputs:
        details["outputs"] = {**details.get("outputs", {}), **context.outputs}
    if context.notes:
        details["notes"] = [*details.get("notes", []), *([note.code, note.text] for note in context.notes)]
    match outcome:
        case Leave():
            visit.outlet = outcome.outlet
        case Wait():
            visit.status = "waiting"
            return
        case Call():
            visit.status = "intent"
            details["repeatable"] = outcome.repeatable
            return
        case End():
            visit.status, visit.error = "failed", visit.error or outcome.message
    if isinstance(entry.answer, CallUnknown):
        visit.status, visit.error = "unknown", entry.answer.reason[:500]
    visit.finished_at = at


def _move(passage: Passage, step: CompiledStep, outcome: Outcome) -> bool:
    """Set the cursor; whether the burst goes on."""
    match outcome:
        case Leave():
            target = step.outlets.get(outcome.outlet)
            if target is not None:
                passage.step_id = target
                return True
            reason = "completed" if outcome.outlet == "next" else f"no_next_step:{outcome.outlet}"
            passage.end = End(reason)
        case Wait():
            passage.wait = outcome
        case Call():
            passage.call = outcome
        case End():
            passage.end = outcome
    return False
