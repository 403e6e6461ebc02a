"""The life of a workflow. Its states change here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from isflow.kernel.errors import Conflict, NotFound, Rejected
from isflow.kernel.ids import new_token, token_digest
from isflow.workspaces.audit import audit
from isflow.workspaces.models import User
from isflow.workspaces.scope import current_workspace_id
from workflows.definition.compile import compile_definition
from workflows.definition.loops import Member, find_loop
from workflows.definition.schema import DefinitionDocument, InvalidDocument, parse_document
from workflows.definition.validation import Issue, has_errors, validate
from workflows.engine.exits import eject
from workflows.models import Run, Workflow, WorkflowVersion
from workflows.selectors import known_things, published_members

MAX_WORKFLOWS = 100


class InvalidDefinition(Rejected):
    """The definition has errors; ``issues`` lead to each of them."""

    default_code = "invalid_definition"

    def __init__(self, issues: Sequence[Issue]) -> None:
        self.issues = tuple(issues)
        super().__init__("\n".join(_line(issue) for issue in issues))


def workflow_create(
    *, name: str, description: str = "", draft: dict[str, Any] | None = None, user: User | None = None
) -> Workflow:
    """Create a draft. Rejected when the name is taken or the workspace has all it may have."""
    if Workflow.objects.count() >= MAX_WORKFLOWS:
        raise Rejected(_("Workflow limit reached (%(limit)d).") % {"limit": MAX_WORKFLOWS})
    _refuse_taken(name)
    try:
        with transaction.atomic():
            return Workflow.objects.create(
                workspace_id=current_workspace_id(),
                name=name,
                description=description,
                draft=draft or {},
                created_by=user,
            )
    except IntegrityError:
        _refuse_taken(name)  # somebody has taken it since it was looked at
        raise


def workflow_check(*, draft: Any, workflow_id: int | None = None) -> tuple[DefinitionDocument, list[Issue]]:
    """The document and its warnings; InvalidDefinition if it has errors."""
    try:
        document = parse_document(draft)
    except InvalidDocument as error:
        raise InvalidDefinition(
            [Issue(None, problem.field, problem.code, problem.message) for problem in error.problems]
        ) from error
    issues = validate(document, known_things(workflow_id))
    if has_errors(issues):
        raise InvalidDefinition([issue for issue in issues if not issue.is_warning])
    return document, issues


def workflow_save(*, workflow: Workflow, draft: dict[str, Any]) -> list[Issue]:
    """Store a new draft without errors; returns its warnings. A published workflow must be stopped first."""
    if workflow.is_published:
        raise Conflict(_("Stop the workflow before you edit it."))
    _document, warnings = workflow_check(draft=draft, workflow_id=workflow.pk)
    workflow.draft = draft
    workflow.save(update_fields=["draft", "saved_at"])
    return warnings


@transaction.atomic
def workflow_publish(*, workflow: Workflow, user: User | None = None) -> WorkflowVersion:
    """Freeze the draft as a new version and let it run."""
    workflow = _locked(workflow, no_key=True)
    if workflow.is_published:
        raise Conflict(_("This workflow is already published."))
    document, _warnings = workflow_check(draft=workflow.draft, workflow_id=workflow.pk)
    definition = compile_definition(document)
    circle = find_loop(Member(workflow.pk, workflow.name, definition), published_members())
    if circle:
        path = "; ".join(str(edge) for edge in circle)
        raise Rejected(_("Workflow loop detected: %(path)s") % {"path": path}, code="workflow_loop")
    last = WorkflowVersion.objects.filter(workflow=workflow).order_by("-number").first()
    version = WorkflowVersion.objects.create(
        workspace_id=workflow.workspace_id,
        workflow=workflow,
        number=last.number + 1 if last else 1,
        definition=workflow.draft,
        trigger_type=definition.trigger_key,
        event_kind=definition.trigger.event_kind or "",
        created_by=user,
    )
    workflow.status = Workflow.Status.PUBLISHED
    workflow.published = version
    workflow.published_by = user
    workflow.published_at = timezone.now()
    workflow.save()
    audit("workflow.published", target=workflow.name, version=version.number)
    return version


@transaction.atomic
def workflow_stop(*, workflow: Workflow) -> int:
    """Stop it and eject everybody inside, at once and for good; returns how many there were."""
    workflow = _locked(workflow, no_key=True)
    if not workflow.is_published:
        raise Conflict(_("This workflow is not published."))
    workflow.status = Workflow.Status.STOPPED
    workflow.save(update_fields=["status", "saved_at"])
    ended = eject(Run.objects.filter(workflow=workflow), reason="stopped_workflow")
    audit("workflow.stopped", target=workflow.name, ejected=ended)
    return ended


@transaction.atomic
def workflow_delete(*, workflow: Workflow) -> None:
    """Remove a workflow with its history. A published one must be stopped first."""
    workflow = _locked(workflow)
    if workflow.is_published:
        raise Conflict(_("Stop the workflow before you delete it."))
    eject(Run.objects.filter(workflow=workflow), reason="deleted_workflow")
    audit("workflow.deleted", target=workflow.name)
    # Versions are protected by the runs pinned to them, so these go first.
    Run.objects.filter(workflow=workflow).delete()
    workflow.delete()


def workflow_clone(*, workflow: Workflow, user: User | None = None) -> Workflow:
    """Copy trigger, steps and settings into a new draft, without history and with an address of its own."""
    copy = workflow_create(
        name=_free_name(f"{workflow.name} clone"),
        description=workflow.description,
        draft=workflow.draft,
        user=user,
    )
    copy.allow_stop_for_contact = workflow.allow_stop_for_contact
    copy.exit_conditions = workflow.exit_conditions
    copy.save()
    return copy


@transaction.atomic
def workflow_regenerate_webhook(*, workflow: Workflow) -> str:
    """Give the incoming webhook a new address; the old one is unknown from now on."""
    _locked(workflow, no_key=True)
    workflow.webhook_token = new_token()
    workflow.webhook_digest = token_digest(workflow.webhook_token)
    workflow.save(update_fields=["webhook_token", "webhook_digest", "saved_at"])
    audit("workflow.webhook_regenerated", target=workflow.name)
    return workflow.webhook_token


def _locked(workflow: Workflow, *, no_key: bool = False) -> Workflow:
    """Read it anew, locked for the transaction. NotFound if somebody has deleted it."""
    found: Workflow | None = Workflow.objects.select_for_update(no_key=no_key).filter(pk=workflow.pk).first()
    if found is None:
        raise NotFound(_("This workflow has been deleted."))
    return found


def _free_name(wanted: str) -> str:
    taken = {name.lower() for name in Workflow.objects.values_list("name", flat=True)}
    if wanted.lower() not in taken:
        return wanted
    number = 2
    while f"{wanted} ({number})".lower() in taken:
        number += 1
    return f"{wanted} ({number})"


def _refuse_taken(name: str) -> None:
    if Workflow.objects.filter(name__iexact=name).exists():
        free = _free_name(name)
        raise Rejected(
            _("The name “%(name)s” is taken. How about “%(free)s”?") % {"name": name, "free": free}
        )


def _line(issue: Issue) -> str:
    place = _("Trigger") if issue.step_id is None else _("Step %(id)s") % {"id": issue.step_id}
    return f"{place}{f', {issue.field}' if issue.field else ''}: {issue.message}"
