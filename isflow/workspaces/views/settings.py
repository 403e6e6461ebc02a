"""The page of a workspace's settings, and what was done in it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from isflow.workspaces.access import Permission
from isflow.workspaces.forms import WorkspaceForm
from isflow.workspaces.guards import WorkspaceRequest, workspace_view
from isflow.workspaces.models import AuditEntry
from isflow.workspaces.services.workspaces import workspace_update

AUDIT_PAGE = 100


@workspace_view(Permission.SETTINGS_EDIT)
def workspace_settings(request: WorkspaceRequest) -> HttpResponse:
    """Show and change the settings."""
    form = WorkspaceForm(request.POST or None, instance=request.workspace)
    if request.method == "POST" and form.is_valid():
        workspace_update(workspace=form.save(commit=False), changed=form.changed_data)
        messages.success(request, _("The settings are saved."))
        return redirect("workspace_settings", slug=request.workspace.slug)
    return render(request, "workspaces/settings.html", {"form": form})


@workspace_view(Permission.AUDIT_VIEW)
@require_GET
def audit_log(request: WorkspaceRequest) -> HttpResponse:
    """Show the newest entries, older ones from ``?before=<id>`` on."""
    rows = AuditEntry.objects.filter(workspace=request.workspace).select_related("user").order_by("-pk")
    before = request.GET.get("before", "")
    if before.isdecimal():
        rows = rows.filter(pk__lt=int(before[:18]))
    page = list(rows[: AUDIT_PAGE + 1])
    context = {"entries": page[:AUDIT_PAGE], "has_more": len(page) > AUDIT_PAGE}
    return render(request, "workspaces/audit.html", context)
