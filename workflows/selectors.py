"""Questions about workflows, answered for checks, pages and services."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import CharField, Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat

from channels_app.models import Channel
from contacts.models import Contact, ContactField, Tag
from conversations.models import ClosingCategory, Message
from isflow.kernel.errors import Rejected
from isflow.workspaces.models import Membership, Team
from workflows.contract import Known, KnownField, KnownWorkflow
from workflows.definition.loops import Member
from workflows.engine.loading import STANDARD_KINDS
from workflows.engine.versions import definitions
from workflows.models import ACTIVE, Run, StepExecution, Workflow

RECENT_RUNS = 10


def known_things(workflow_id: int | None = None) -> Known:
    """Everything of the workspace in scope that settings may point to."""
    custom = ContactField.objects.values_list("slug", "kind", "options")
    fields = {slug: KnownField(kind) for slug, kind in STANDARD_KINDS.items()}
    fields |= {slug: KnownField(kind, tuple(options)) for slug, kind, options in custom}
    return Known(
        tags=_ids(Tag.objects.values_list("pk", flat=True)),
        users=_ids(Membership.objects.values_list("user_id", flat=True)),
        teams=_ids(Team.objects.values_list("pk", flat=True)),
        channels=_ids(Channel.objects.values_list("pk", flat=True)),
        categories=_ids(ClosingCategory.objects.values_list("pk", flat=True)),
        workflows=_workflows(),
        fields=fields,
        workflow_id=workflow_id,
    )


def published_members() -> list[Member]:
    """All published workflows of the workspace in scope, compiled, for the loop check."""
    rows = list(
        Workflow.objects.filter(status=Workflow.Status.PUBLISHED).values_list("pk", "name", "published_id")
    )
    compiled = definitions(version_id for _, _, version_id in rows)
    return [Member(pk, name, compiled[version_id]) for pk, name, version_id in rows if version_id in compiled]


def unknown_messages() -> QuerySet[Message]:
    """Messages of which nobody knows whether they were sent; those sent again are dealt with."""
    key = Concat(Value("again:"), Cast(OuterRef("pk"), CharField()))
    again = Message.objects.filter(key=key)
    return Message.objects.filter(status=Message.Status.UNKNOWN).exclude(Exists(again))


def unknown_calls() -> QuerySet[StepExecution]:
    """Visits of steps whose call may or may not have been made, and that nobody has dealt with."""
    return StepExecution.objects.filter(status=StepExecution.Status.UNKNOWN, acknowledged_at=None)


def quarantined_runs() -> QuerySet[Run]:
    """Runs that were set aside because work on them was lost again and again."""
    return Run.objects.filter(status=Run.Status.ENDED, end_reason="quarantined")


@dataclass(frozen=True, slots=True)
class Ongoing:
    """A workflow that members may stop for a contact. ``run``: the contact's active one, if inside."""

    workflow: Workflow
    run: Run | None
    step: str = ""


def ongoing_workflows(contact: Contact) -> list[Ongoing]:
    """Published workflows that may be stopped for a contact, those first in which the contact is."""
    found = Workflow.objects.filter(status=Workflow.Status.PUBLISHED, allow_stop_for_contact=True)
    workflows = list(found.only("name", "workspace_id").order_by("name"))
    rows = Run.objects.filter(contact=contact, status__in=ACTIVE, workflow__in=workflows)
    runs = {run.workflow_id: run for run in rows.defer("variables")}
    names = _step_names(runs.values())
    listed = [
        Ongoing(workflow, run, names[run.pk] if run else "")
        for workflow in workflows
        for run in [runs.get(workflow.pk)]
    ]
    return sorted(listed, key=lambda item: item.run is None)


def recent_runs(contact: Contact) -> list[Run]:
    """The contact's newest runs, ended or not."""
    rows = Run.objects.filter(contact=contact).select_related("workflow")
    return list(rows.defer("variables", "workflow__draft").order_by("-started_at")[:RECENT_RUNS])


def step_name_of(run: Run) -> str:
    """Name of the step where a run stands; its id where the version has no such step or cannot be read."""
    return _step_names([run])[run.pk]


def _step_names(runs: Collection[Run]) -> dict[int, str]:
    try:
        compiled = definitions({run.version_id for run in runs})
    except Rejected:
        compiled = {}
    found = {}
    for run in runs:
        steps = compiled[run.version_id].steps if run.version_id in compiled else {}
        found[run.pk] = steps[run.step_id].name if run.step_id in steps else run.step_id
    return found


def _workflows() -> dict[int, KnownWorkflow]:
    published = {member.workflow_id: member.definition for member in published_members()}
    known = {}
    for pk, name, draft in Workflow.objects.values_list("pk", "name", "draft"):
        definition = published.get(pk)
        drafted = (draft.get("trigger") or {}).get("type", "") if isinstance(draft, dict) else ""
        known[pk] = KnownWorkflow(
            name=name,
            trigger_key=definition.trigger_key if definition else str(drafted),
            is_published=definition is not None,
            step_ids=frozenset(definition.steps) if definition else frozenset(),
        )
    return known


def _ids(rows: Iterable[int]) -> frozenset[int]:
    return frozenset(rows)
