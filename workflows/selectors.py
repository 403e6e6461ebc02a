"""Questions about workflows, answered for checks, pages and services."""

from __future__ import annotations

from collections.abc import Iterable

from channels_app.models import Channel
from contacts.models import ContactField, Tag
from conversations.models import ClosingCategory
from isflow.workspaces.models import Membership, Team
from workflows.contract import Known, KnownField, KnownWorkflow
from workflows.definition.loops import Member
from workflows.engine.loading import STANDARD_KINDS
from workflows.engine.versions import definitions
from workflows.models import Workflow


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
    return [Member(pk, name, compiled[version_id]) for pk, name, version_id in rows]


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
