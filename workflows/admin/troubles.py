"""What is known of a trouble, gathered for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from contacts.models import Contact
from conversations.models import Message
from workflows.admin import words
from workflows.models import Run, StepExecution, Workflow
from workflows.selectors import step_name_of

MAX_TEXT: Final = 300
MAX_INPUTS: Final = 6


@dataclass(frozen=True)
class TroubleRow:
    """One trouble: what happened to whom and when, what else is known, and where more can be seen."""

    title: str
    text: str
    error: str
    at: datetime | None
    contact: Contact
    facts: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]


def message_row(message: Message, slug: str) -> TroubleRow:
    """A message of which nobody knows whether it was sent."""
    links = [(_("Open the conversation"), _thread(slug, message.contact_id))]
    if message.run_id:
        links.append((_("Show run %(number)d") % {"number": message.run_id}, _run_url(message.run_id)))
    channel = message.channel.name if message.channel else words.NOTHING
    facts = [
        (_("Channel"), channel),
        (_("Sent by"), message.sender_name or words.say(words.SOURCES, message.source)),
        (_("Attempts"), str(message.attempts)),
        (_("Known so far"), _("handed to the channel; no answer was recorded")),
    ]
    return TroubleRow(
        title=_("Message"),
        text=message.text[:MAX_TEXT],
        error=message.error,
        at=message.created_at,
        contact=message.contact,
        facts=tuple(facts),
        links=tuple(links),
    )


def call_row(visit: StepExecution, slug: str) -> TroubleRow:
    """A call of a step that was announced, and whose end nobody saw."""
    run = visit.run
    return TroubleRow(
        title=_("Call of “%(step)s”") % {"step": visit.step_name or visit.step_id},
        text="",
        error=visit.error or _("The worker was lost during the call; it may or may not have been made."),
        at=visit.finished_at or visit.started_at,
        contact=run.contact,
        facts=((_("Workflow"), _version(run)), (_("Visit"), f"#{visit.seq}"), *_inputs(visit.details)),
        links=(
            (_("Show run %(number)d") % {"number": run.pk}, _run_url(run.pk)),
            (_("Open the conversation"), _thread(slug, run.contact_id)),
        ),
    )


def run_row(run: Run, slug: str) -> TroubleRow:
    """A run that was set aside."""
    status = run.workflow.status
    state = "" if status == Workflow.Status.PUBLISHED else f" ({run.workflow.get_status_display()})"
    return TroubleRow(
        title=run.workflow.name,
        text="",
        error=run.end_message,
        at=run.ended_at,
        contact=run.contact,
        facts=(
            (_("Workflow"), _version(run) + state),
            (_("Stands at"), step_name_of(run)),
            (_("Started"), date_format(localtime(run.started_at), "j M Y, H:i:s")),
        ),
        links=(
            (_("Show run %(number)d") % {"number": run.pk}, _run_url(run.pk)),
            (_("Open the conversation"), _thread(slug, run.contact_id)),
        ),
    )


def _inputs(details: Any) -> Iterator[tuple[str, str]]:
    inputs = details.get("inputs") if isinstance(details, dict) else None
    if isinstance(inputs, dict):
        shown = [(str(name), value) for name, value in inputs.items() if not str(name).startswith("#")]
        for name, value in shown[:MAX_INPUTS]:
            yield name.capitalize(), str(value)[:MAX_TEXT]


def _version(run: Run) -> str:
    return f"{run.workflow.name} · v{run.version.number}"


def _run_url(run_id: int) -> str:
    return reverse("admin:workflows_run_change", args=[run_id])


def _thread(slug: str, contact_id: int) -> str:
    return reverse("inbox_thread", kwargs={"slug": slug, "contact_id": contact_id})
