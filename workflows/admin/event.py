"""Events: what happened, who caused it, and what every workflow made of it."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from isflow.workspaces.access import Permission
from isflow.workspaces.models import User
from workflows.admin import words
from workflows.admin.filters import KindFilter, SourceFilter
from workflows.admin.pages import PageAdmin
from workflows.admin.paging import EndlessAdmin
from workflows.admin.verdicts import verdict_lines
from workflows.models import Decision, Event, Run, Workflow

BADGE = {"started": "success", "answered": "success", "pending": "info", "ended": "warning", "": ""}


@admin.register(Event)
class EventAdmin(PageAdmin[Event]):
    view_permission: ClassVar[Permission] = Permission.WORKFLOWS_VIEW
    list_display = ("number", "kind_name", "contact", "source_name", "outcome", "at")
    list_filter = (KindFilter, SourceFilter)
    list_select_related = ("contact", "decision")
    search_help_text = gettext_lazy("Search by name, e-mail or id of the contact, or by number of the event")
    sortable_by = ()
    page_template = "admin/workflows/event/detail.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return super().get_queryset(request).select_related("contact", "decision")

    def page_context(self, request: HttpRequest, row: Event) -> dict[str, Any]:  # noqa: ARG002
        decision = getattr(row, "decision", None)
        # What an event starts belongs to its contact, whose runs have an index.
        runs = Run.objects.filter(contact_id=row.contact_id, event_id=row.pk)
        return {
            "title": f"{words.say(words.EVENT_KINDS, row.kind)} #{row.pk}",
            "kind": words.say(words.EVENT_KINDS, row.kind),
            "source": words.say(words.SOURCES, row.source),
            "by_user": User.objects.filter(pk=row.user_id).first() if row.user_id else None,
            "workflow": Workflow.objects.filter(pk=row.workflow_id).defer("draft").first()
            if row.workflow_id
            else None,
            "cause_run": Run.objects.filter(pk=row.run_id).first() if row.run_id else None,
            "payload": json.dumps(row.payload, indent=2, ensure_ascii=False),
            "decision": decision,
            "verdicts": verdict_lines(decision.verdicts, runs=runs) if decision else [],
        }

    @display(description=gettext_lazy("Event"))
    def number(self, event: Event) -> str:
        """The number by which people speak of it."""
        return f"#{event.pk}"

    @display(description=gettext_lazy("Kind"))
    def kind_name(self, event: Event) -> str:
        """The kind in words."""
        return words.say(words.EVENT_KINDS, event.kind)

    @display(description=gettext_lazy("Source"))
    def source_name(self, event: Event) -> str:
        """Who caused it."""
        return words.say(words.SOURCES, event.source)

    @display(description=gettext_lazy("Outcome"), label=BADGE)
    def outcome(self, event: Event) -> tuple[str, str]:
        """What came of it, in a word."""
        decision = getattr(event, "decision", None)
        if decision is None:
            return ("pending", _("Waiting")) if event.is_pending else ("", _("No decision"))
        found = [row[1] for row in decision.verdicts if isinstance(row, list) and len(row) > 1]
        if "started" in found:
            return "started", _("Started")
        if words.ANSWERED in found:
            return "answered", _("Answer")
        if words.RUN_ENDED in found:
            return "ended", _("Ended a run")
        return ("", _("Not started")) if found else ("", _("Nobody listens"))


@admin.register(Decision)
class DecisionAdmin(EndlessAdmin[Decision]):
    view_permission: ClassVar[Permission] = Permission.WORKFLOWS_VIEW
    contact_path = "event__contact"
    id_fields = ("pk", "event_id")
    list_display = ("event", "at", "summary")
    list_select_related = ("event",)
    sortable_by = ()
    fields = ("event_link", "at", "in_words")
    readonly_fields = ("event_link", "at", "in_words")

    @display(description=gettext_lazy("Verdicts"))
    def summary(self, decision: Decision) -> str:
        """The verdicts, without names."""
        found = [row[1] for row in decision.verdicts if isinstance(row, list) and len(row) > 1]
        return (
            ", ".join(words.say(words.VERDICTS, str(code)) for code in dict.fromkeys(found)) or words.NOTHING
        )

    @display(description=gettext_lazy("Event"))
    def event_link(self, decision: Decision) -> SafeString:
        """The event, with the way to its page."""
        url = reverse("admin:workflows_event_change", args=[decision.event_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, decision.event)

    @display(description=gettext_lazy("Verdicts"))
    def in_words(self, decision: Decision) -> SafeString:
        """One line for each workflow that listens."""
        runs = Run.objects.filter(contact_id=decision.event.contact_id, event_id=decision.event_id)
        lines = verdict_lines(decision.verdicts, runs=runs)
        rows = ((line.name, line.verdict, line.why) for line in lines)
        return format_html_join("", "<p><strong>{}</strong>: {} {}</p>", rows)
