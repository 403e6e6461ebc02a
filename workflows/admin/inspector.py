"""One run as people read it: where it came from, what each step did, why it ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from isflow.kernel.errors import Rejected
from workflows.admin import words
from workflows.definition.compile import CompiledStep, Definition
from workflows.engine.versions import definitions
from workflows.models import Event, Run, StepExecution, Wait

PAGE: Final = 100
MAX_CHILDREN: Final = 50
MAX_VALUE: Final = 4_000

TONES: Final[Mapping[str, str]] = {
    StepExecution.Status.WAITING: "info",
    StepExecution.Status.INTENT: "info",
    StepExecution.Status.DONE: "success",
    StepExecution.Status.FAILED: "danger",
    StepExecution.Status.UNKNOWN: "warning",
    StepExecution.Status.CANCELLED: "muted",
}
RUN_TONES: Final[Mapping[str, str]] = {
    Run.Status.RUNNING: "success",
    Run.Status.WAITING: "info",
    Run.Status.HELD: "warning",
    Run.Status.ENDED: "muted",
}
# Step types name their icons as the builder knows them; the admin theme has another set.
ICONS: Final[Mapping[str, str]] = {
    "send": "send",
    "circle-help": "help",
    "timer": "timer",
    "git-branch": "alt_route",
    "tag": "sell",
    "square-pen": "edit_square",
    "user-round-check": "how_to_reg",
    "circle-check": "check_circle",
    "message-square-text": "comment",
    "message-circle-plus": "forum",
    "globe": "public",
    "workflow": "account_tree",
    "corner-up-left": "undo",
    "calendar-clock": "calendar_clock",
    "sheet": "table",
    "bot": "smart_toy",
    "sparkles": "auto_awesome",
}


@dataclass(frozen=True)
class Entry:
    """A name and its value as text."""

    name: str
    value: str


@dataclass(frozen=True)
class WaitLine:
    """What a step waited for and what came of it."""

    text: str
    until: datetime
    is_open: bool
    result: str
    resolved_at: datetime | None


@dataclass(frozen=True)
class StepLine:
    """One visit of a step."""

    row: StepExecution
    icon: str
    type_label: str
    tone: str
    took: str
    outlet: str
    target: str
    inputs: tuple[Entry, ...]
    outputs: tuple[Entry, ...]
    notes: tuple[Entry, ...]
    waits: tuple[WaitLine, ...]


@dataclass(frozen=True)
class Inspection:
    """The whole page. ``variables`` is empty once the run has ended."""

    run: Run
    tone: str
    is_active: bool
    reason: str
    is_fault: bool
    took: str
    event: Event | None
    event_kind: str
    event_source: str
    standing: str
    steps: tuple[StepLine, ...]
    variables: tuple[Entry, ...]
    parent: Run | None
    children: tuple[Run, ...]
    previous_page: int | None
    next_page: int | None


def inspect(run: Run, page: int = 1) -> Inspection:
    """Gather one page of the journal, in a number of queries that does not depend on it."""
    last = max(1, -(-run.seq // PAGE))
    page = min(max(page, 1), last)
    bounds = ((page - 1) * PAGE + 1, page * PAGE)
    rows = list(StepExecution.objects.filter(run=run, seq__range=bounds).order_by("seq"))
    waits: dict[int, list[Wait]] = {}
    for wait in Wait.objects.filter(run=run, seq__range=bounds).order_by("pk"):
        waits.setdefault(wait.seq, []).append(wait)
    definition = _definition(run.version_id)
    steps = definition.steps if definition else {}
    event = Event.objects.filter(pk=run.event_id).first() if run.event_id else None
    is_active = run.status != Run.Status.ENDED
    return Inspection(
        run=run,
        tone=RUN_TONES.get(run.status, "muted"),
        is_active=is_active,
        reason=_reason(run, steps),
        is_fault=run.end_reason in words.FAULTS,
        took=words.duration((run.ended_at or timezone.now()) - run.started_at),
        event=event,
        event_kind=words.say(words.EVENT_KINDS, event.kind) if event else "",
        event_source=words.say(words.SOURCES, event.source) if event else "",
        standing=_name(steps, run.step_id) if is_active else "",
        steps=tuple(_line(row, waits.get(row.seq, ()), steps) for row in rows),
        variables=_entries(run.variables) if is_active else (),
        parent=Run.objects.select_related("workflow").filter(pk=run.parent_run_id).first()
        if run.parent_run_id
        else None,
        children=_children(run),
        previous_page=page - 1 if page > 1 else None,
        next_page=page + 1 if page < last else None,
    )


def _definition(version_id: int) -> Definition | None:
    """The compiled version, or None when a type it needs is not installed any more."""
    try:
        return definitions([version_id]).get(version_id)
    except Rejected:
        return None


def _children(run: Run) -> tuple[Run, ...]:
    # Children belong to the same contact, whose runs have an index.
    found = Run.objects.filter(contact_id=run.contact_id, parent_run_id=run.pk).select_related("workflow")
    return tuple(found.order_by("pk")[:MAX_CHILDREN])


def _reason(run: Run, steps: Mapping[str, CompiledStep]) -> str:
    if not run.end_reason:
        return ""
    outlet = run.end_reason.partition(":")[2]
    return words.end_reason(run.end_reason, outlet_label=_outlet_label(steps.get(run.step_id), outlet))


def _line(row: StepExecution, waits: Iterable[Wait], steps: Mapping[str, CompiledStep]) -> StepLine:
    step = steps.get(row.step_id)
    details = row.details if isinstance(row.details, dict) else {}
    target = step.outlets.get(row.outlet) if step and row.outlet else None
    return StepLine(
        row=row,
        icon=ICONS.get(step.type.icon if step else "", "play_arrow"),
        type_label=str(step.type.label) if step else row.step_type.replace("_", " ").capitalize(),
        tone=TONES.get(row.status, "muted"),
        took=_took(row),
        outlet=_outlet_label(step, row.outlet),
        target=_name(steps, target) if target else "",
        inputs=_entries(details.get("inputs")),
        outputs=_entries(details.get("outputs")),
        notes=_notes(details.get("notes")),
        waits=tuple(_wait_line(wait) for wait in waits),
    )


def _took(row: StepExecution) -> str:
    """How long the visit lasted; nothing for a step that was done on the spot."""
    length = row.finished_at - row.started_at if row.finished_at else timedelta()
    return words.duration(length) if length >= timedelta(milliseconds=1) else ""


def _wait_line(wait: Wait) -> WaitLine:
    if wait.status == Wait.Status.CANCELLED:
        result = _("The wait was called off.")
    else:
        result = words.resolution(wait.resolution)
    return WaitLine(
        text=words.say(words.WAITS, wait.kind),
        until=wait.wake_at,
        is_open=wait.status == Wait.Status.OPEN,
        result=result,
        resolved_at=wait.resolved_at,
    )


def _outlet_label(step: CompiledStep | None, outlet: str) -> str:
    if not outlet:
        return ""
    offered = step.type.outlets(step.config) if step else ()
    return next((item.label for item in offered if item.id == outlet), outlet)


def _name(steps: Mapping[str, CompiledStep], step_id: str) -> str:
    step = steps.get(step_id)
    return step.name if step else step_id


def _entries(values: Any) -> tuple[Entry, ...]:
    if not isinstance(values, dict):
        return ()
    # Steps keep notes for themselves under names that begin with "#", which no template can write.
    shown = ((str(name), value) for name, value in values.items() if not str(name).startswith("#"))
    return tuple(Entry(name, _text(value)) for name, value in shown)


def _notes(notes: Any) -> tuple[Entry, ...]:
    if not isinstance(notes, list):
        return ()
    pairs = (note for note in notes if isinstance(note, list | tuple) and len(note) == 2)  # noqa: PLR2004
    return tuple(Entry(words.say({}, str(code)), _text(text)) for code, text in pairs)


def _text(value: Any) -> str:
    if value is None:
        return words.NOTHING
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"
