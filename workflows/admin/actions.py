"""Publish, stop, clone, delete, and a new address: each asks first and acts on POST only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from isflow.workspaces.models import User
from workflows.admin import words
from workflows.admin.confirm import Confirmation, Step, confirmed
from workflows.admin.paging import row_id
from workflows.models import ACTIVE, Run, Workflow
from workflows.services import (
    workflow_clone,
    workflow_delete,
    workflow_publish,
    workflow_regenerate_webhook,
    workflow_stop,
)

if TYPE_CHECKING:
    from isflow.workspaces.scoped_admin import ScopedAdmin

    _Base = ScopedAdmin[Workflow]
else:
    _Base = object


@dataclass(frozen=True)
class Offer:
    """A button for one workflow. ``hint``: why it is disabled now, or empty."""

    key: str
    label: str
    icon: str
    url: str
    hint: str = ""


class WorkflowActions(_Base):
    """Mixed into the page of workflows."""

    def action_urls(self) -> list[URLPattern]:
        """One address for each action."""
        views = {
            "publish": self.publish_workflow,
            "stop": self.stop_workflow,
            "clone": self.clone_workflow,
            "regenerate": self.regenerate_webhook,
        }
        return [
            path(
                f"<int:object_id>/{key}/",
                self.admin_site.admin_view(view),
                name=f"workflows_workflow_{key}",
            )
            for key, view in views.items()
        ]

    def offered(self, workflow: Workflow) -> list[Offer]:
        """The buttons of a workflow in its present state."""
        if workflow.is_published:
            first = Offer("stop", _("Stop"), "stop_circle", _url("stop", workflow))
        else:
            first = Offer("publish", _("Publish"), "rocket_launch", _url("publish", workflow))
        hint = _("Stop it first") if workflow.is_published else ""
        return [
            first,
            Offer("clone", _("Clone"), "content_copy", _url("clone", workflow)),
            Offer("delete", _("Delete"), "delete", _url("delete", workflow), hint),
        ]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Put the buttons of the workflow on its form."""
        found = self.get_queryset(request).filter(pk=row_id(object_id)).first() if object_id else None
        may_edit = found is not None and self.has_change_permission(request, found)
        extra = {"offered": self.offered(found) if found and may_edit else []}
        return super().changeform_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def publish_workflow(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Freeze the definition as a new version and let events start it."""
        workflow = self._mine(request, object_id)
        user = request.user if isinstance(request.user, User) else None

        def act() -> str:
            version = workflow_publish(workflow=workflow, user=user)
            return _("“%(name)s” is published as version %(number)d.") % {
                "name": workflow.name,
                "number": version.number,
            }

        page = Confirmation(
            title=_("Publish “%(name)s”?") % {"name": workflow.name},
            lines=[_("From now on it starts for every contact to whom its trigger applies.")],
            button=_("Publish"),
            back_url=_url("change", workflow),
            obstacles=[_("This workflow is already published.")] if workflow.is_published else (),
        )
        return confirmed(self, request, page, act, next_url=_url("change", workflow))

    def stop_workflow(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Stop it and end all its runs."""
        workflow = self._mine(request, object_id)

        def act() -> str:
            number = workflow_stop(workflow=workflow)
            text = ngettext(
                "“%(name)s” is stopped. %(number)d contact was taken out.",
                "“%(name)s” is stopped. %(number)d contacts were taken out.",
                number,
            )
            return text % {"name": workflow.name, "number": number}

        page = Confirmation(
            title=_("Stop “%(name)s”?") % {"name": workflow.name},
            lines=[_stopping(_inside(workflow)), _("Nobody will be put back when it is published again.")],
            button=_("Stop workflow"),
            back_url=_url("change", workflow),
            is_dangerous=True,
            obstacles=() if workflow.is_published else [_("This workflow is not published.")],
        )
        return confirmed(self, request, page, act, next_url=_url("change", workflow))

    def clone_workflow(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Copy it into a new draft."""
        workflow = self._mine(request, object_id)
        user = request.user if isinstance(request.user, User) else None

        def act() -> str:
            copy = workflow_clone(workflow=workflow, user=user)
            return _("“%(name)s” was made as a draft.") % {"name": copy.name}

        page = Confirmation(
            title=_("Clone “%(name)s”?") % {"name": workflow.name},
            lines=[_("Trigger, steps and settings are copied into a new draft, without the history.")],
            button=_("Clone"),
            back_url=_url("change", workflow),
        )
        return confirmed(self, request, page, act, next_url=reverse("admin:workflows_workflow_changelist"))

    def delete_workflow(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Remove it with its whole history."""
        workflow = self._mine(request, object_id)

        def act() -> str:
            name = workflow.name
            workflow_delete(workflow=workflow)
            return _("“%(name)s” was deleted.") % {"name": name}

        published = workflow.is_published
        page = Confirmation(
            title=_("Delete “%(name)s”?") % {"name": workflow.name},
            lines=[_("Its versions and all its runs are deleted with it. This cannot be undone.")],
            button=_("Delete workflow"),
            back_url=_url("change", workflow),
            is_dangerous=True,
            obstacles=[_("This workflow is published. Stop it first.")] if published else (),
            instead=Step(_("Stop workflow"), _url("stop", workflow)) if published else None,
        )
        return confirmed(self, request, page, act, next_url=reverse("admin:workflows_workflow_changelist"))

    def regenerate_webhook(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Give the incoming webhook another address."""
        workflow = self._mine(request, object_id)

        def act() -> str:
            workflow_regenerate_webhook(workflow=workflow)
            return _("The webhook has a new address. The old one no longer works.")

        page = Confirmation(
            title=_("New webhook address for “%(name)s”?") % {"name": workflow.name},
            lines=[_("The old address stops working at once. Systems that use it must be told the new one.")],
            button=_("Regenerate address"),
            back_url=_url("change", workflow),
            is_dangerous=True,
        )
        return confirmed(self, request, page, act, next_url=_url("change", workflow))

    def _mine(self, request: HttpRequest, object_id: str | int) -> Workflow:
        """The workflow, for whoever may edit it."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        found = self.get_queryset(request).filter(pk=row_id(str(object_id))).first()
        if found is None:
            raise Http404
        workflow: Workflow = found
        return workflow


def _inside(workflow: Workflow) -> int:
    return Run.objects.filter(workflow=workflow, status__in=ACTIVE)[: words.MANY + 1].count()


def _stopping(number: int) -> str:
    if not number:
        return str(_("Nobody is inside now."))
    return _("%(inside)s now. Whoever is inside leaves at once, at whatever step.") % {
        "inside": words.people_inside(number)
    }


def _url(key: str, workflow: Workflow) -> str:
    return reverse(f"admin:workflows_workflow_{key}", args=[workflow.pk])
