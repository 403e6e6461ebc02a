"""The engine room, for the operator: what lies waiting, who works, and every timer of every workspace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from contacts.selectors import contact_search
from isflow.infra.health import SWEEPER_LIMIT
from isflow.infra.workers import sweeper_age, workers_seen
from isflow.kernel.errors import Conflict, Rejected
from isflow.workspaces.models import Workspace
from isflow.workspaces.scoped_admin import SystemReadOnlyAdmin
from workflows.admin import words
from workflows.admin.paging import MAX_PEOPLE, MAX_WORDS, row_id
from workflows.models import Run, Timer
from workflows.probes import LAG_LIMIT, queues
from workflows.services import timer_cancel, timer_fire, timer_postpone

PAGE: Final = 50
MAX_TEXT: Final = 100
MAX_DIGITS: Final = 7
MOMENT: Final = "j M Y, H:i:s T"
"""With the zone, as the operator sees times of many workspaces."""


@admin.register(Timer)
class TimerAdmin(SystemReadOnlyAdmin[Timer]):
    def get_queryset(self, request: HttpRequest) -> QuerySet[Timer]:  # noqa: ARG002 - Django's signature
        rows = Timer.objects.filter(status=Run.Status.WAITING, wake_at__isnull=False)
        rows = rows.select_related("workflow", "contact", "workspace", "version")
        return rows.defer("workflow__draft", "workflow__webhook_token", "version__definition", "variables")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Queues, workers, and a page of timers, those that fire first on top."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = list(self._wanted(request)[: PAGE + 1])
        later = request.GET.copy()
        if len(rows) > PAGE:
            later["after"] = f"{rows[PAGE - 1].wake_at:%Y-%m-%dT%H:%M:%S.%fZ}_{rows[PAGE - 1].pk}"
        age = sweeper_age()
        context = {
            **self.admin_site.each_context(request),
            "title": _("Engine room"),
            "opts": self.opts,
            "moment": MOMENT,
            "queues": _queues(),
            "workers": [(worker, _ago(worker.age)) for worker in workers_seen()],
            "sweep": _ago(age) if age is not None else "",
            "is_swept": age is not None and age <= SWEEPER_LIMIT,
            "timers": rows[:PAGE],
            "workspaces": Workspace.objects.order_by("name"),
            "chosen": row_id(request.GET.get("workspace")),
            "text": request.GET.get("q", "")[:MAX_TEXT],
            "later_url": f"?{later.urlencode()}" if len(rows) > PAGE else "",
            "is_first": "after" not in request.GET,
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/workflows/operator.html", context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",  # noqa: ARG002 - Django's signature
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One timer, and what may be done with it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        timer = self.get_queryset(request).filter(pk=row_id(object_id)).first()
        if request.method == "POST":
            return self._act(request, timer)
        if timer is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": _("Timer of run %(number)d") % {"number": timer.pk},
            "opts": self.opts,
            "timer": timer,
            "moment": MOMENT,
            "seen": timer.wake_at.isoformat() if timer.wake_at else "",
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/workflows/operator_timer.html", context)

    def _act(self, request: HttpRequest, timer: Timer | None) -> HttpResponse:
        """Do what a button says, unless the run has moved on since the page was shown."""
        do = _doing(request)
        seen = _moment(request.POST.get("seen", ""))
        try:
            messages.success(request, do(_unmoved(timer, seen)))
        except (Rejected, Conflict) as error:
            messages.error(request, error.message)
        return redirect("admin:workflows_timer_changelist")

    def _wanted(self, request: HttpRequest) -> QuerySet[Timer]:
        rows = self.get_queryset(request).order_by("wake_at", "pk")
        workspace = row_id(request.GET.get("workspace"))
        if workspace:
            rows = rows.filter(workspace=workspace)
        text = " ".join(request.GET.get("q", "").replace("\0", " ")[:MAX_TEXT].split()[:MAX_WORDS])
        if text:
            people = contact_search(text).order_by("-pk").values_list("pk", flat=True)[:MAX_PEOPLE]
            number = row_id(text.removeprefix("#"))
            wanted = Q(contact__in=list(people))
            rows = rows.filter(wanted | Q(pk=number) | Q(contact=number) if number else wanted)
        at, pk = _cursor(request.GET.get("after", ""))
        return rows.filter(Q(wake_at__gt=at) | Q(wake_at=at, pk__gt=pk)) if at else rows


def _unmoved(timer: Timer | None, seen: datetime | None) -> Timer:
    if timer is None or seen is None or timer.wake_at != seen:
        raise Conflict(_("This run has moved on meanwhile."))
    return timer


def _doing(request: HttpRequest) -> Callable[[Timer], str]:
    text = request.POST.get("minutes", "")
    minutes = int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else 0

    def fire(timer: Timer) -> str:
        timer_fire(run=timer)
        return _("The time is up; the run goes on.")

    def postpone(timer: Timer) -> str:
        until = timer_postpone(run=timer, minutes=minutes)
        return _("The run waits until %(until)s.") % {"until": date_format(localtime(until), MOMENT)}

    def cancel(timer: Timer) -> str:
        timer_cancel(run=timer)
        return _("The run is stopped.")

    found = {"fire": fire, "postpone": postpone, "cancel": cancel}.get(request.POST.get("action", ""))
    if found is None:
        raise Http404
    return found


def _ago(seconds: float) -> str:
    return words.duration(timedelta(seconds=seconds))


def _queues() -> list[dict[str, Any]]:
    names = {
        "runs": _("Due runs"),
        "events": _("Undecided events"),
        "messages": _("Unsent messages"),
        "deliveries": _("Unread deliveries"),
    }
    found = queues()
    return [
        {
            "label": label,
            "size": found[key].size,
            "oldest": _ago(found[key].oldest_seconds) if found[key].size else "",
            "is_late": found[key].oldest_seconds > LAG_LIMIT,
        }
        for key, label in names.items()
    ]


def _cursor(text: str) -> tuple[datetime | None, int]:
    moment, _underscore, pk = text.partition("_")
    return _moment(moment), row_id(pk)


def _moment(text: str) -> datetime | None:
    """The instant that a text stands for; None for nonsense, and for a time without its zone."""
    try:
        found = parse_datetime(text)
        return found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
