"""Needs attention: outcomes nobody knows and runs that were set aside, and what can be done about each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.services import message_mark_delivered
from isflow.workspaces.access import Permission, allowed
from isflow.workspaces.admin_site import membership_of
from isflow.workspaces.scoped_admin import ReadOnlyAdmin
from workflows.admin.confirm import Confirmation, confirmed
from workflows.admin.paging import row_id
from workflows.admin.troubles import TroubleRow, call_row, message_row, run_row
from workflows.models import Trouble
from workflows.selectors import quarantined_runs, unknown_calls, unknown_messages
from workflows.services import (
    call_acknowledge,
    run_continue,
    run_give_up,
    unknown_send_again,
)

PAGE: Final = 25
COUNT_CAP: Final = 999
LIST: Final = "admin:workflows_trouble_changelist"


@dataclass(frozen=True)
class Act:
    """Something a person may decide: what it is called, what it means, and what does it."""

    label: Any
    explained: Any
    done: Any
    do: Callable[[Any], None]
    is_dangerous: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of trouble: its tab, its rows, and what may be done about one."""

    label: Any
    rows: Callable[[], QuerySet[Any]]
    row: Callable[[Any, str], TroubleRow]
    acts: Mapping[str, Act]


KINDS: Final[Mapping[str, Kind]] = {
    "messages": Kind(
        gettext_lazy("Messages"),
        lambda: unknown_messages().select_related("contact", "channel"),
        message_row,
        {
            "again": Act(
                gettext_lazy("Send again"),
                gettext_lazy("A copy is sent now. If the first one did arrive, the contact gets it twice."),
                gettext_lazy("The message is sent again."),
                lambda message: unknown_send_again(message_id=message.pk),
            ),
            "delivered": Act(
                gettext_lazy("Mark as delivered"),
                gettext_lazy("Do this if you know that the message arrived. Nothing is sent."),
                gettext_lazy("The message is marked as delivered."),
                lambda message: message_mark_delivered(message_id=message.pk),
            ),
        },
    ),
    "calls": Kind(
        gettext_lazy("Calls"),
        lambda: unknown_calls().select_related("run__contact", "run__workflow", "run__version"),
        call_row,
        {
            "done": Act(
                gettext_lazy("Acknowledge"),
                gettext_lazy(
                    "It leaves this list. The journal goes on saying that nobody knows; nothing is repeated."
                ),
                gettext_lazy("It is off the list."),
                lambda visit: call_acknowledge(visit=visit),
            )
        },
    ),
    "runs": Kind(
        gettext_lazy("Quarantined runs"),
        lambda: quarantined_runs().select_related("contact", "workflow", "version"),
        run_row,
        {
            "continue": Act(
                gettext_lazy("Continue"),
                gettext_lazy(
                    "The run enters its step again. What the step sends or calls may then happen twice."
                ),
                gettext_lazy("The run goes on."),
                lambda run: run_continue(run=run),
            ),
            "stop": Act(
                gettext_lazy("Stop"),
                gettext_lazy("The run stays ended for good."),
                gettext_lazy("The run is stopped."),
                lambda run: run_give_up(run=run),
                is_dangerous=True,
            ),
        },
    ),
}


@admin.register(Trouble)
class TroubleAdmin(ReadOnlyAdmin[Trouble]):
    view_permission: ClassVar[Permission] = Permission.WORKFLOWS_VIEW

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.act)
        act = path("<str:kind>/<int:object_id>/<str:action>/", view, name="workflows_trouble_act")
        return [act, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One kind at a time, the newest first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        counts = {key: kind.rows()[: COUNT_CAP + 1].count() for key, kind in KINDS.items()}
        chosen = request.GET.get("kind", "")
        if chosen not in KINDS:
            chosen = next((key for key, number in counts.items() if number), "messages")
        before = row_id(request.GET.get("before"))
        rows = KINDS[chosen].rows().order_by("-pk")
        page = list((rows.filter(pk__lt=before) if before else rows)[: PAGE + 1])
        context = {
            **self.admin_site.each_context(request),
            "title": _("Needs attention"),
            "opts": self.opts,
            "tabs": [(key, kind.label, _shown(counts[key]), key == chosen) for key, kind in KINDS.items()],
            "chosen": chosen,
            "rows": [
                (self._row(request, chosen, one), self._acts(request, chosen, one)) for one in page[:PAGE]
            ],
            "older": page[PAGE - 1].pk if len(page) > PAGE else None,
            "is_first": not before,
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/workflows/attention.html", context)

    def changeform_view(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        object_id: str | None = None,
        form_url: str = "",  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        """Lead to the run itself."""
        return redirect("admin:workflows_run_change", row_id(object_id))

    def act(self, request: HttpRequest, kind: str, object_id: int, action: str) -> HttpResponse:
        """Ask, and do what was decided."""
        if not _may_act(request):
            raise PermissionDenied
        if kind not in KINDS or action not in KINDS[kind].acts:
            raise Http404
        found = KINDS[kind].rows().filter(pk=object_id).first()
        url = f"{reverse(LIST)}?kind={kind}"
        what = KINDS[kind].acts[action]
        row = self._row(request, kind, found) if found else None

        def do() -> str:
            what.do(found)
            return str(what.done)

        page = Confirmation(
            title=str(what.label),
            lines=_lines(row, what) if row else [],
            button=str(what.label),
            back_url=url,
            is_dangerous=what.is_dangerous,
            obstacles=() if found else [_("Somebody has dealt with this already.")],
        )
        return confirmed(self, request, page, do, next_url=url)

    def _row(self, request: HttpRequest, kind: str, row: Model) -> TroubleRow:
        membership = membership_of(request)
        return KINDS[kind].row(row, membership.workspace.slug if membership else "")

    def _acts(self, request: HttpRequest, kind: str, row: Model) -> list[tuple[str, str, bool]]:
        if not _may_act(request):
            return []
        return [
            (
                reverse("admin:workflows_trouble_act", args=[kind, row.pk, key]),
                str(act.label),
                act.is_dangerous,
            )
            for key, act in KINDS[kind].acts.items()
        ]


def _lines(row: TroubleRow, what: Act) -> list[str]:
    lines = (f"{row.title}, {row.contact.name}", row.text, str(what.explained))
    return [line for line in lines if line]


def _may_act(request: HttpRequest) -> bool:
    membership = membership_of(request)
    return membership is not None and allowed(membership, Permission.WORKFLOWS_EDIT)


def _shown(number: int) -> str:
    return f"{COUNT_CAP}+" if number > COUNT_CAP else str(number)
