"""Why did it (not) run? Every event with what each listening workflow made of it, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from contacts.models import Contact
from contacts.selectors import contact_search
from isflow.workspaces.access import Permission
from isflow.workspaces.scoped_admin import ReadOnlyAdmin
from workflows.admin import words
from workflows.admin.paging import MAX_PEOPLE, MAX_WORDS, row_id
from workflows.admin.verdicts import VerdictLine, verdict_lines
from workflows.models import Decision, Event, Run, Why, Workflow, WorkflowVersion, unfold

PAGE: Final = 25
LOOKED_AT: Final = 1_000
"""Events looked at for one page at most; beyond that the way on is offered."""
CHUNK: Final = 200
MAX_TEXT: Final = 100


@dataclass(frozen=True)
class Asked:
    """What somebody wants to know; what was typed counts for more than where they came from.

    ``contacts`` None: whoever it was; ``number``: maybe an event's id.
    """

    text: str
    contacts: tuple[int, ...] | None
    number: int
    event_id: int
    workflow: Workflow | None
    before: int
    everything: bool

    @property
    def only_heard(self) -> bool:
        """Whether events that no workflow listens to are left out; of one contact all are told."""
        return not (self.everything or self.text or self.contacts or self.event_id)

    @classmethod
    def of(cls, query: QueryDict) -> Asked:
        """Read it from an address; what makes no sense asks for nothing."""
        text = " ".join(query.get("q", "").replace("\0", " ")[:MAX_TEXT].split()[:MAX_WORDS])
        chosen = row_id(query.get("contact"))
        number = row_id(text.removeprefix("#"))
        contacts: tuple[int, ...] | None = (chosen,) if chosen else None
        if text:
            people = contact_search(text).order_by("-pk").values_list("pk", flat=True)[:MAX_PEOPLE]
            contacts = (*people, number) if number else tuple(people)
        return cls(
            text=text,
            contacts=contacts,
            number=number,
            event_id=0 if text else row_id(query.get("event")),
            workflow=Workflow.objects.filter(pk=row_id(query.get("workflow"))).defer("draft").first(),
            before=row_id(query.get("before")),
            everything="all" in query,
        )


@dataclass(frozen=True)
class Entry:
    """One event and the verdicts on it. ``is_pending``: it has not been decided yet."""

    event: Event
    kind: str
    source: str
    lines: tuple[VerdictLine, ...]
    is_pending: bool


@dataclass(frozen=True)
class Found:
    """One page of entries. ``before``: where the next one begins, or None if there is none."""

    entries: tuple[Entry, ...]
    before: int | None


@admin.register(Why)
class WhyAdmin(ReadOnlyAdmin[Why]):
    view_permission: ClassVar[Permission] = Permission.WORKFLOWS_VIEW

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The form, and the events that fit."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = Asked.of(request.GET)
        found = look(asked)
        query = request.GET.copy()
        query["before"] = str(found.before or "")
        newest = request.GET.copy()
        newest.pop("before", None)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Why did it (not) run?"),
            "opts": self.opts,
            "asked": asked,
            "contact": _only(asked),
            "found": found,
            "workflows": Workflow.objects.order_by("name").only("name", "workspace_id", "status"),
            "older_url": f"?{query.urlencode()}",
            "newest_url": f"?{newest.urlencode()}",
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/workflows/why.html", context)

    def changeform_view(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        object_id: str | None = None,
        form_url: str = "",  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        """Lead to the event itself."""
        return redirect("admin:workflows_event_change", row_id(object_id))


def look(asked: Asked) -> Found:
    """Find one page of events; of a workflow, only those that it had a say in."""
    if asked.workflow is None and not asked.only_heard:
        rows = list(_events(asked, asked.before)[: PAGE + 1])
        before = rows[PAGE - 1].pk if len(rows) > PAGE else None
        return Found(tuple(_entries(rows[:PAGE], frozenset())), before)
    versions = _versions(asked.workflow)
    if asked.workflow is not None and not versions:
        return Found((), None)
    kept: list[Event] = []
    before, looked = asked.before, 0
    while looked < LOOKED_AT:
        rows = list(_events(asked, before)[:CHUNK])
        looked += len(rows)
        for event in rows:
            before = event.pk
            if _concerns(event, versions):
                kept.append(event)
                if len(kept) == PAGE:
                    return Found(tuple(_entries(kept, versions)), before)
        if len(rows) < CHUNK:
            return Found(tuple(_entries(kept, versions)), None)
    return Found(tuple(_entries(kept, versions)), before)


def _events(asked: Asked, before: int) -> QuerySet[Event]:
    rows = Event.objects.select_related("contact", "decision").order_by("-pk")
    if asked.event_id:
        rows = rows.filter(pk=asked.event_id)
    if asked.contacts is not None:
        wanted = Q(contact__in=asked.contacts)
        rows = rows.filter(wanted | Q(pk=asked.number) if asked.number else wanted)
    return rows.filter(pk__lt=before) if before else rows


def _versions(workflow: Workflow | None) -> frozenset[int]:
    if workflow is None:
        return frozenset()
    return frozenset(WorkflowVersion.objects.filter(workflow=workflow).values_list("pk", flat=True))


def _concerns(event: Event, versions: frozenset[int]) -> bool:
    """Whether one of the versions, or if none are given any, had a say."""
    return any(not versions or row[0] in versions for row in _verdicts(event))


def _verdicts(event: Event) -> list[list[Any]]:
    decision: Decision | None = getattr(event, "decision", None)
    return [] if decision is None else unfold(decision.verdicts)


def _entries(events: Sequence[Event], versions: frozenset[int]) -> list[Entry]:
    """Put the verdicts of all events into words with a fixed number of queries."""
    told = [
        (event.pk, row)
        for event in events
        for row in _verdicts(event)
        if not versions or row[0] in versions or row[1] == words.ANSWERED
    ]
    lines = verdict_lines([row for _event, row in told], runs=())
    runs = _runs_of(events)
    by_event: dict[int, list[VerdictLine]] = {}
    for (event_id, row), line in zip(told, lines, strict=True):
        run = line.run or (runs.get((event_id, row[0])) if row[1] == "started" else None)
        by_event.setdefault(event_id, []).append(replace(line, run=run))
    return [
        Entry(
            event=event,
            kind=words.say(words.EVENT_KINDS, event.kind),
            source=words.say(words.SOURCES, event.source),
            lines=tuple(by_event.get(event.pk, ())),
            is_pending=getattr(event, "decision", None) is None and event.is_pending,
        )
        for event in events
    ]


def _runs_of(events: Sequence[Event]) -> Mapping[tuple[int | None, int], Run]:
    """The runs that came of events, by event and version; a contact's runs have an index."""
    rows = Run.objects.filter(
        contact__in={event.contact_id for event in events}, event_id__in=[event.pk for event in events]
    )
    return {(run.event_id, run.version_id): run for run in rows.defer("variables")}


def _only(asked: Asked) -> Contact | None:
    """The contact of whom alone something is asked."""
    if asked.text or asked.contacts is None:
        return None
    return Contact.objects.filter(pk__in=asked.contacts).first()
