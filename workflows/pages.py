"""Workflows as members meet them outside the admin: which ones a contact is in, and what needs attention."""

from __future__ import annotations

from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from contacts.models import Contact
from conversations.selectors import contact_for
from isflow.kernel.errors import Conflict
from isflow.workspaces.access import Permission, allowed
from isflow.workspaces.guards import WorkspaceRequest, workspace_view
from workflows.admin.words import short_end_reason
from workflows.models import Run
from workflows.selectors import ongoing_workflows, recent_runs
from workflows.services import run_stop


@require_GET
@workspace_view(Permission.WORKFLOWS_VIEW)
def attention(request: WorkspaceRequest) -> HttpResponse:  # noqa: ARG001 - a view's signature
    """Lead to what needs attention; coming here has made this workspace the admin's."""
    return HttpResponseRedirect(reverse("admin:workflows_trouble_changelist"))


@never_cache
@require_GET
@workspace_view(Permission.WORKFLOWS_STOP_FOR_CONTACT)
def contact_runs(request: WorkspaceRequest, contact_id: int) -> HttpResponse:
    """A part of a page: the workflows that may be stopped for a contact, and the contact's latest runs."""
    contact = _contact(request, contact_id)
    context = {
        "contact": contact,
        "slug": request.workspace.slug,
        "ongoing": ongoing_workflows(contact),
        "history": [(run, short_end_reason(run.end_reason)) for run in recent_runs(contact)],
        "may_inspect": allowed(request.membership, Permission.WORKFLOWS_VIEW),
    }
    return render(request, "workflows/contact_runs.html", context)


@require_POST
@workspace_view(Permission.WORKFLOWS_STOP_FOR_CONTACT)
def contact_run_stop(request: WorkspaceRequest, contact_id: int, run_id: int) -> HttpResponse:
    """Stop one run of a contact, if its workflow lets members do so."""
    contact = _contact(request, contact_id)
    run = Run.objects.select_related("workflow").filter(pk=run_id, contact=contact).first()
    if run is None:
        raise Http404
    if not (run.workflow.allow_stop_for_contact and run.workflow.is_published):
        return JsonResponse({"message": _("This workflow cannot be stopped from here.")}, status=409)
    try:
        run_stop(run=run)
    except Conflict as error:
        return JsonResponse({"message": error.message}, status=409)
    return JsonResponse({"stopped": run.pk})


def _contact(request: WorkspaceRequest, contact_id: int) -> Contact:
    contact = contact_for(request.membership, contact_id)
    if contact is None:
        raise Http404
    return contact
