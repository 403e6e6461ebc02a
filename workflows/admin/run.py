"""Runs: the list, and the inspector that shows one step by step."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from isflow.workspaces.access import Permission, allowed
from isflow.workspaces.admin_site import membership_of
from workflows.admin import words
from workflows.admin.confirm import Confirmation, confirmed
from workflows.admin.filters import EndReasonFilter, StateFilter, WorkflowFilter
from workflows.admin.inspector import inspect
from workflows.admin.pages import PageAdmin
from workflows.models import AGE, Run
from workflows.services import run_stop

STATUS_COLOURS = {
    Run.Status.RUNNING: "success",
    Run.Status.WAITING: "info",
    Run.Status.HELD: "warning",
    Run.Status.ENDED: "",
}


@admin.register(Run)
class RunAdmin(PageAdmin[Run]):
    view_permission: ClassVar[Permission] = Permission.WORKFLOWS_VIEW
    id_fields = ("pk",)
    age = AGE
    list_display = ("number", "status_badge", "reason", "workflow_name", "contact", "started_at", "ended_at")
    list_filter = (StateFilter, EndReasonFilter, WorkflowFilter)
    list_select_related = ("workflow", "version", "contact")
    search_help_text = gettext_lazy("Search by name, e-mail or id of the contact, or by number of the run")
    sortable_by = ()
    page_template = "admin/workflows/run/inspector.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        rows = super().get_queryset(request).select_related("workflow", "version", "contact")
        return rows.defer("workflow__draft", "workflow__webhook_token", "version__definition")

    def get_urls(self) -> list[URLPattern]:
        stop = path("<int:object_id>/stop/", self.admin_site.admin_view(self.stop), name="workflows_run_stop")
        return [stop, *super().get_urls()]

    def page_context(self, request: HttpRequest, row: Run) -> dict[str, Any]:
        page = request.GET.get("page", "")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1  # noqa: PLR2004
        return {
            "title": _("Run %(number)d of “%(name)s”") % {"number": row.pk, "name": row.workflow.name},
            "run": inspect(row, number),
            "may_stop": row.status != Run.Status.ENDED and _may_stop(request),
        }

    def stop(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """End this run, after asking."""
        run = self.row(request, object_id)
        if not _may_stop(request):
            raise PermissionDenied
        url = reverse("admin:workflows_run_change", args=[run.pk])
        names = {"workflow": run.workflow.name, "contact": run.contact.name}

        def act() -> str:
            run_stop(run=run)
            return _("“%(workflow)s” is stopped for %(contact)s.") % names

        page = Confirmation(
            title=_("Stop “%(workflow)s” for %(contact)s?") % names,
            lines=[_("The run ends at once. It cannot be taken up again.")],
            button=_("Stop this run"),
            back_url=url,
            is_dangerous=True,
            obstacles=[_("This run has already ended.")] if run.status == Run.Status.ENDED else (),
        )
        return confirmed(self, request, page, act, next_url=url)

    @display(description=gettext_lazy("Run"))
    def number(self, run: Run) -> str:
        """The number by which people speak of it."""
        return f"#{run.pk}"

    @display(description=gettext_lazy("Status"), label=STATUS_COLOURS)
    def status_badge(self, run: Run) -> tuple[str, str]:
        """The status as a coloured badge."""
        return run.status, run.get_status_display()

    @display(description=gettext_lazy("End reason"))
    def reason(self, run: Run) -> SafeString | str:
        """A few words, with the whole sentence on hover."""
        if not run.end_reason:
            return words.NOTHING
        whole, short = words.end_reason(run.end_reason), words.short_end_reason(run.end_reason)
        return format_html('<span title="{}">{}</span>', whole, short)

    @display(description=gettext_lazy("Workflow"))
    def workflow_name(self, run: Run) -> str:
        """Name and version."""
        return f"{run.workflow.name} · v{run.version.number}"


def _may_stop(request: HttpRequest) -> bool:
    membership = membership_of(request)
    return membership is not None and allowed(membership, Permission.WORKFLOWS_EDIT)
