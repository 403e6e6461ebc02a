"""The list of workflows, their form, and what may be done with one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import IntegerField, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from isflow.infra.crypto import DecryptionError
from isflow.workspaces.access import Permission
from isflow.workspaces.models import User
from isflow.workspaces.scoped_admin import ScopedAdmin
from workflows.admin import words
from workflows.admin.actions import WorkflowActions
from workflows.admin.documents import issue_lines
from workflows.admin.forms import WorkflowForm
from workflows.admin.paging import row_id
from workflows.admin.reference import reference
from workflows.models import Run, Workflow
from workflows.services import workflow_create, workflow_save

STATUS_COLOURS = {
    Workflow.Status.DRAFT: "info",
    Workflow.Status.PUBLISHED: "success",
    Workflow.Status.STOPPED: "warning",
}
EXITS = frozenset({"exits", "exit_on"})
SETTINGS = ("name", "description", "allow_stop_for_contact")


class CountUpTo(Subquery):
    """How many rows a limited query has; what lies beyond the limit is not looked at."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


@admin.register(Workflow)
class WorkflowAdmin(WorkflowActions, ScopedAdmin[Workflow]):
    view_permission: ClassVar[Permission] = Permission.WORKFLOWS_VIEW
    edit_permission: ClassVar[Permission | None] = Permission.WORKFLOWS_EDIT
    delete_permission: ClassVar[Permission | None] = Permission.WORKFLOWS_EDIT
    form = WorkflowForm
    list_display = (
        "title",
        "status_badge",
        "inside",
        "published_by",
        "published_at",
        "created_by",
        "created_at",
        "buttons",
    )
    list_filter = ("status",)
    list_select_related = ("published_by", "created_by")
    list_per_page = 20
    search_fields = ("name", "description")
    search_help_text = gettext_lazy("Search by name or description")
    ordering = ("-created_at", "-pk")
    actions = None
    warn_unsaved_form = True
    change_form_template = "admin/workflows/workflow/change_form.html"
    readonly_fields = ("state", "webhook_address")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workflow]:
        rows = super().get_queryset(request)
        active = Run.objects.filter(workflow=OuterRef("pk")).exclude(status=Run.Status.ENDED)
        # In the order of the index that keeps contacts from being inside twice; else all runs are read.
        inside = active.order_by("contact_id").values("pk")[: words.MANY + 1]
        return rows.annotate(people=CountUpTo(inside))

    def get_fieldsets(self, request: HttpRequest, obj: Workflow | None = None) -> Any:
        editable = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        definition = ("definition", "seen") if editable else ("draft",)
        about: tuple[str, ...] = ("name", "description", "allow_stop_for_contact")
        about += ("exits", "exit_on") if editable else ("exit_conditions",)
        if obj is None:
            return [(None, {"fields": (*about, *definition)})]
        note = gettext_lazy("Stop the workflow to edit it.") if obj.is_published else None
        return [
            (None, {"fields": ("state", *about)}),
            (gettext_lazy("Definition"), {"fields": definition, "description": note}),
            (gettext_lazy("Incoming webhook"), {"fields": ("webhook_address",)}),
        ]

    def has_delete_permission(self, request: HttpRequest, obj: Workflow | None = None) -> bool:
        """Say no for a published one, so that its form shows no such button; see ``delete_view``."""
        return super().has_delete_permission(request, obj) and not (obj and obj.is_published)

    def get_urls(self) -> list[URLPattern]:
        wrapped = self.admin_site.admin_view
        return [
            path("reference/", wrapped(self.reference_view), name="workflows_workflow_reference"),
            *self.action_urls(),
            *super().get_urls(),
        ]

    class Media:
        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("admin_ui/workflows.css",)}

    # --- Columns and fields ---

    @display(description=gettext_lazy("Name"), ordering="name", header=True)
    def title(self, workflow: Workflow) -> list[str]:
        """The name, and under it the description."""
        return [workflow.name, workflow.description]

    @display(description=gettext_lazy("Status"), ordering="status", label=STATUS_COLOURS)
    def status_badge(self, workflow: Workflow) -> tuple[str, str]:
        """The status as a coloured badge."""
        return workflow.status, workflow.get_status_display()

    @display(description=gettext_lazy("People inside"), ordering="people")
    def inside(self, workflow: Workflow) -> SafeString:
        """How many contacts are in it now, with the way to their runs."""
        url = reverse("admin:workflows_run_changelist")
        number = words.many(getattr(workflow, "people", 0))
        return format_html(
            '<a class="text-link" href="{}?workflow={}&amp;state=active">{}</a>', url, workflow.pk, number
        )

    @display(description=gettext_lazy("Actions"))
    def buttons(self, workflow: Workflow) -> SafeString:
        """What may be done with this workflow now."""
        found = self.offered(workflow)
        return render_to_string("admin/workflows/workflow/buttons.html", {"actions": found})

    @display(description=gettext_lazy("Status"))
    def state(self, workflow: Workflow) -> SafeString:
        """Status, version and people inside in one line."""
        context = {
            "workflow": workflow,
            "tone": STATUS_COLOURS[Workflow.Status(workflow.status)],
            "inside": words.people_inside(getattr(workflow, "people", 0)),
            "runs_url": f"{reverse('admin:workflows_run_changelist')}?workflow={workflow.pk}",
        }
        return render_to_string("admin/workflows/workflow/state.html", context)

    @display(description=gettext_lazy("Address"))
    def webhook_address(self, workflow: Workflow) -> SafeString:
        """Where another system starts this workflow, with a button that copies it."""
        try:
            args = [workflow.workspace.public_id, workflow.webhook_token]
            address = f"{settings.PUBLIC_URL}{reverse('workflows:webhook', args=args)}"
        except DecryptionError:
            address = ""
        trigger = workflow.draft.get("trigger") if isinstance(workflow.draft, Mapping) else None
        context = {
            "address": address,
            "is_used": isinstance(trigger, Mapping) and trigger.get("type") == "incoming_webhook",
            "new_url": reverse("admin:workflows_workflow_regenerate", args=[workflow.pk]),
        }
        return render_to_string("admin/workflows/workflow/address.html", context)

    # --- Saving ---

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Workflow | None:
        """The workflow; locked while it is being saved, so that nobody publishes what is being changed."""
        if request.method == "POST":
            Workflow.objects.select_for_update(no_key=True).filter(pk=row_id(object_id)).first()
        found: Workflow | None = super().get_object(request, object_id, from_field)
        return found

    def save_model(self, request: HttpRequest, obj: Workflow, form: WorkflowForm, change: bool) -> None:  # noqa: FBT001
        """Create or save by the services; warnings are shown, they keep nobody from saving."""
        draft = form.draft
        if not change:
            user = request.user if isinstance(request.user, User) else None
            made = workflow_create(name=obj.name, description=obj.description, draft=draft, user=user)
            made.allow_stop_for_contact = obj.allow_stop_for_contact
            made.exit_conditions = form.exit_conditions
            made.save(update_fields=["allow_stop_for_contact", "exit_conditions", "saved_at"])
            obj.__dict__.update(made.__dict__)
            return
        changed = [name for name in form.changed_data if name in SETTINGS]
        if EXITS & set(form.changed_data):
            obj.exit_conditions = form.exit_conditions
            changed.append("exit_conditions")
        if changed:
            obj.save(update_fields=[*changed, "saved_at"])
        if draft is not None:
            for line in issue_lines(workflow_save(workflow=obj, draft=draft)):
                messages.warning(request, line)

    def reference_view(self, request: HttpRequest) -> HttpResponse:
        """What may stand in a definition."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("What a definition may hold"),
            "opts": self.opts,
            "reference": reference(),
        }
        return TemplateResponse(request, "admin/workflows/reference.html", context)

    def delete_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponseBase:
        """Ask in one sentence instead of listing every run, and leave the deleting to the service."""
        return self.delete_workflow(request, object_id)
