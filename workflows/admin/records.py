"""Plain read-only pages of what the engine keeps: versions, visits, waits, enrolments."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from isflow.workspaces.access import Permission
from isflow.workspaces.scoped_admin import ReadOnlyAdmin
from workflows.admin import words
from workflows.admin.documents import write_text
from workflows.admin.filters import WorkflowFilter
from workflows.admin.paging import EndlessAdmin
from workflows.models import Enrolment, StepExecution, Wait, WorkflowVersion


class _Records:
    """Who may look."""

    view_permission: ClassVar[Permission] = Permission.WORKFLOWS_VIEW
    sortable_by = ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        return getattr(self, "fields", ())


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(_Records, ReadOnlyAdmin[WorkflowVersion]):
    list_display = ("workflow", "number", "trigger_type", "created_by", "created_at")
    list_filter = (WorkflowFilter,)
    list_select_related = ("workflow", "created_by")
    search_fields = ("workflow__name",)
    ordering = ("-pk",)
    fields = ("workflow", "number", "trigger_type", "event_kind", "created_by", "created_at", "document")

    @display(description=gettext_lazy("Definition"))
    def document(self, version: WorkflowVersion) -> SafeString:
        """The definition as it was published."""
        return _block(write_text(version.definition))


@admin.register(StepExecution)
class StepExecutionAdmin(_Records, EndlessAdmin[StepExecution]):
    contact_path = "run__contact"
    id_fields = ("pk", "run_id")
    list_display = ("run", "seq", "step_name", "step_type", "status", "outlet", "started_at", "finished_at")
    list_filter = ("status",)
    list_select_related = ("run",)
    fields = (
        "run",
        "seq",
        "step_id",
        "step_name",
        "step_type",
        "status",
        "outlet",
        "error",
        "started_at",
        "finished_at",
        "shown_details",
    )

    @display(description=gettext_lazy("Details"))
    def shown_details(self, row: StepExecution) -> SafeString:
        """Inputs, outputs and notes as stored."""
        return _block(json.dumps(row.details, indent=2, ensure_ascii=False))


@admin.register(Wait)
class WaitAdmin(_Records, EndlessAdmin[Wait]):
    id_fields = ("pk", "run_id")
    list_display = ("run", "contact", "kind_name", "status", "opened_at", "wake_at", "resolved_at")
    list_filter = ("status",)
    list_select_related = ("run", "contact")
    fields = (
        "run",
        "contact",
        "seq",
        "kind_name",
        "key",
        "status",
        "opened_at",
        "wake_at",
        "resolved_at",
        "result",
    )

    @display(description=gettext_lazy("Kind"))
    def kind_name(self, wait: Wait) -> str:
        """What is waited for."""
        return words.say(words.WAITS, wait.kind)

    @display(description=gettext_lazy("Result"))
    def result(self, wait: Wait) -> str:
        """What ended the wait."""
        return words.resolution(wait.resolution) or words.NOTHING


@admin.register(Enrolment)
class EnrolmentAdmin(_Records, EndlessAdmin[Enrolment]):
    list_display = ("workflow", "contact", "at")
    list_filter = (WorkflowFilter,)
    list_select_related = ("workflow", "contact")
    fields = ("workflow", "contact", "at")


def _block(text: str) -> SafeString:
    return format_html('<pre class="font-mono text-sm whitespace-pre-wrap">{}</pre>', text)
