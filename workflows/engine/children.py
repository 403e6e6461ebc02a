"""Starts that no event asks for: a step, a webhook or a person sends a contact into a workflow directly.

Event, decision and run are written together, so that the log tells of these starts like of any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from isflow.infra.inserts import insert_many
from isflow.infra.tasks import hint
from isflow.kernel.actor import Actor
from isflow.kernel.values import Scalar
from workflows.contract import StartRun
from workflows.definition.compile import Definition
from workflows.engine.effects import Wanted
from workflows.engine.starts import PERSONAL_SOURCES, Candidate, create, decide, record_decisions
from workflows.engine.versions import definitions
from workflows.models import Event, Run, Workflow

TRIGGERED = "workflow_triggered"


@dataclass(frozen=True, slots=True)
class Start:
    """One contact to be sent into one published workflow."""

    workflow_id: int
    version_id: int
    definition: Definition
    contact_id: int
    kind: str
    actor: Actor
    is_blocked: bool = False
    variables: Mapping[str, Scalar] = field(default_factory=dict)
    step_id: str | None = None
    parent_run_id: int | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """What became of a Start: the run, or the reason why there is none."""

    contact_id: int
    verdict: str
    run_id: int | None = None


def start_directly(starts: Sequence[Start], at: datetime, *, workspace_id: int) -> list[Started]:
    """Let contacts in. The caller has locked them and holds a transaction."""
    if not starts:
        return []
    events = insert_many(
        [
            _event(
                start.kind,
                start.contact_id,
                start.workflow_id,
                actor=start.actor,
                at=at,
                workspace_id=workspace_id,
            )
            for start in starts
        ]
    )
    candidates = [_candidate(start, event) for start, event in zip(starts, events, strict=True)]
    verdicts = decide(candidates, at)
    accepted = [c for c, verdict in zip(candidates, verdicts, strict=True) if verdict == "started"]
    runs = create(accepted, at, workspace_id=workspace_id, token=None)
    record_decisions(
        (
            (event, [[start.version_id, verdict, None, ""]])
            for event, start, verdict in zip(events, starts, verdicts, strict=True)
        ),
        at,
        workspace_id=workspace_id,
    )
    if runs:
        hint("engine")
    by_event: dict[int | None, Run] = {run.event_id: run for run in runs}
    return [
        Started(start.contact_id, verdict, by_event[event.pk].pk if event.pk in by_event else None)
        for start, event, verdict in zip(starts, events, verdicts, strict=True)
    ]


def start(wanted: Sequence[Wanted], at: datetime, *, workspace_id: int) -> list[Started]:
    """Start what Trigger Another Workflow steps asked for; an unpublished target is passed over."""
    asked = [(row, row.effect) for row in wanted if isinstance(row.effect, StartRun)]
    if not asked:
        return []
    published = Workflow.objects.filter(
        pk__in={effect.workflow_id for _, effect in asked}, status=Workflow.Status.PUBLISHED
    )
    versions = dict(published.values_list("pk", "published_id"))
    compiled = definitions(versions.values())
    targets = {pk: version_id for pk, version_id in versions.items() if version_id in compiled}
    _note_unpublished([row for row, effect in asked if effect.workflow_id not in targets], at, workspace_id)
    starts = [
        Start(
            workflow_id=effect.workflow_id,
            version_id=targets[effect.workflow_id],
            definition=compiled[targets[effect.workflow_id]],
            contact_id=row.contact_id,
            kind=TRIGGERED,
            actor=row.actor,
            variables={
                **effect.variables,
                "trigger.parent_workflow": row.actor.name,
                "trigger.parent_run_id": row.run_id,
            },
            step_id=effect.start_step_id,
            parent_run_id=row.run_id,
        )
        for row, effect in asked
        if effect.workflow_id in targets
    ]
    return start_directly(starts, at, workspace_id=workspace_id)


def _note_unpublished(rows: Sequence[Wanted], at: datetime, workspace_id: int) -> None:
    """Put on record that a step wanted a workflow that is not published."""
    if not rows:
        return
    events = insert_many(
        [
            _event(
                TRIGGERED,
                row.contact_id,
                row.effect.workflow_id,
                actor=row.actor,
                at=at,
                workspace_id=workspace_id,
            )
            for row in rows
            if isinstance(row.effect, StartRun)
        ]
    )
    refused: list[list[object]] = [[None, "not_published", None, ""]]
    record_decisions(((event, refused) for event in events), at, workspace_id=workspace_id)


def _event(  # noqa: PLR0913 - the columns of one row
    kind: str, contact_id: int, workflow_id: int, *, actor: Actor, at: datetime, workspace_id: int
) -> Event:
    return Event(
        workspace_id=workspace_id,
        contact_id=contact_id,
        kind=kind,
        payload={"workflow_id": workflow_id},
        source=actor.source,
        user_id=actor.user_id,
        workflow_id=actor.workflow_id,
        run_id=actor.run_id,
        depth=actor.depth,
        at=at,
        is_pending=False,
    )


def _candidate(start: Start, event: Event) -> Candidate:
    definition = start.definition
    known = start.step_id if start.step_id in definition.steps else None
    return Candidate(
        workflow_id=start.workflow_id,
        version_id=start.version_id,
        contact_id=start.contact_id,
        step_id=known or definition.first_step_id,
        source=start.actor.source,
        depth=0 if start.actor.source in PERSONAL_SOURCES else start.actor.depth + 1,
        once=definition.once_per_contact,
        is_blocked=start.is_blocked,
        admits_blocked=definition.trigger.admits_blocked,
        variables=start.variables,
        event=event,
        parent_run_id=start.parent_run_id,
    )
