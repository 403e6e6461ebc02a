"""The codes that the engine stores, in sentences for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

Words = Mapping[str, "_StrOrPromise"]

NO_NEXT_STEP: Final = "no_next_step"
ANSWERED: Final = "answered"
RUN_ENDED: Final = "run_ended"
NOTHING: Final = "\N{EN DASH}"
MANY: Final = 1_000
"""Whoever is inside a workflow is counted as far as this."""

END_REASONS: Final[Words] = {
    "completed": gettext_lazy("Completed: the last step was done."),
    NO_NEXT_STEP: gettext_lazy("Took a way out that leads to no step."),
    "message_failed": gettext_lazy("A message could not be sent, and the step has no path for that."),
    "timeout": gettext_lazy("Waited in vain, and the step has no path for that."),
    "stopped_workflow": gettext_lazy("The workflow was stopped."),
    "deleted_workflow": gettext_lazy("The workflow was deleted."),
    "stopped_by_user": gettext_lazy("Somebody stopped this run."),
    "exit_outgoing": gettext_lazy("A user wrote to the contact, which ends this workflow."),
    "exit_incoming": gettext_lazy("The contact wrote, which ends this workflow."),
    "exit_manual_assignment": gettext_lazy("A user assigned the contact, which ends this workflow."),
    "contact_deleted": gettext_lazy("The contact was deleted."),
    "merged": gettext_lazy("The contact was merged with one who was already inside."),
    "loop_guard": gettext_lazy("Went in circles and was cut off."),
    "quarantined": gettext_lazy("The same step failed again and again, so the run was set aside."),
    "internal_error": gettext_lazy("A fault inside isflow ended the run."),
}

SHORT_END_REASONS: Final[Words] = {
    "completed": gettext_lazy("Completed"),
    NO_NEXT_STEP: gettext_lazy("No step follows"),
    "message_failed": gettext_lazy("Message failed"),
    "timeout": gettext_lazy("Timeout"),
    "stopped_workflow": gettext_lazy("Workflow stopped"),
    "deleted_workflow": gettext_lazy("Workflow deleted"),
    "stopped_by_user": gettext_lazy("Stopped by a user"),
    "exit_outgoing": gettext_lazy("Exit: outgoing message"),
    "exit_incoming": gettext_lazy("Exit: incoming message"),
    "exit_manual_assignment": gettext_lazy("Exit: manual assignment"),
    "contact_deleted": gettext_lazy("Contact deleted"),
    "merged": gettext_lazy("Contact merged"),
    "loop_guard": gettext_lazy("Loop guard"),
    "quarantined": gettext_lazy("Quarantined"),
    "internal_error": gettext_lazy("Internal error"),
}

FAULTS: Final = frozenset({"message_failed", "loop_guard", "quarantined", "internal_error"})
"""End reasons that somebody should look into."""

VERDICTS: Final[Words] = {
    "started": gettext_lazy("Started."),
    "matched": gettext_lazy("The conditions hold."),
    "not_matched": gettext_lazy("Not started: a condition of the trigger does not hold."),
    "contact_blocked": gettext_lazy("Not started: the contact is blocked."),
    "already_enrolled_before": gettext_lazy(
        "Not started: the contact was inside before, and the trigger fires once per contact."
    ),
    "already_in_workflow": gettext_lazy("Not started: the contact is already in this workflow."),
    "too_deep": gettext_lazy("Not started: too many workflows have set each other off in a row."),
    "too_many_starts": gettext_lazy(
        "Not started: too many automatic starts for this contact in a short time."
    ),
    "own_message": gettext_lazy("Not started: the message came from this workflow itself."),
    "unreadable": gettext_lazy("Not started: a step or trigger type of this version is not installed."),
    "failed": gettext_lazy("Could not be decided; the log tells why."),
    ANSWERED: gettext_lazy("Taken as the answer to a question."),
    RUN_ENDED: gettext_lazy("Ended the run, as the workflow's exit conditions say."),
}

EVENT_KINDS: Final[Words] = {
    "contact_created": gettext_lazy("Contact created"),
    "contact_tag_updated": gettext_lazy("Contact tag updated"),
    "contact_field_updated": gettext_lazy("Contact field updated"),
    "contact_assigned": gettext_lazy("Contact assigned"),
    "conversation_created": gettext_lazy("Conversation created"),
    "conversation_opened": gettext_lazy("Conversation opened"),
    "conversation_closed": gettext_lazy("Conversation closed"),
    "message_created": gettext_lazy("Message created"),
    "comment_created": gettext_lazy("Comment created"),
    "participant_added": gettext_lazy("Participant added"),
    "participant_removed": gettext_lazy("Participant removed"),
    "workflow_triggered": gettext_lazy("Started by another workflow"),
    "webhook_received": gettext_lazy("Webhook received"),
    "shortcut_used": gettext_lazy("Shortcut used"),
    "manual_start": gettext_lazy("Started by hand"),
}

SOURCES: Final[Words] = {
    "user": gettext_lazy("User"),
    "contact": gettext_lazy("Contact"),
    "workflow": gettext_lazy("Workflow"),
    "api": gettext_lazy("API"),
    "zapier": gettext_lazy("Zapier"),
    "make": gettext_lazy("Make"),
    "ctc_ads": gettext_lazy("Click-to-chat ads"),
    "bot": gettext_lazy("Bot"),
    "broadcast": gettext_lazy("Broadcast"),
    "import": gettext_lazy("Import"),
    "merge": gettext_lazy("Merge"),
    "system": gettext_lazy("System"),
}

WAITS: Final[Words] = {
    "timer": gettext_lazy("Waiting for the clock"),
    "question": gettext_lazy("Waiting for an answer"),
    "delivery": gettext_lazy("Waiting for the message to be delivered"),
}

DELIVERIES: Final[Words] = {
    "sent": gettext_lazy("The message was sent."),
    "delivered": gettext_lazy("The message was delivered."),
    "read": gettext_lazy("The message was read."),
    "unknown": gettext_lazy("Whether the message was sent is not known."),
}


def say(words: Words, code: str) -> str:
    """The words for a code; a code that has none is shown with blanks."""
    found = words.get(code)
    return str(found) if found is not None else code.replace("_", " ").capitalize()


def end_reason(code: str, *, outlet_label: str = "") -> str:
    """The sentence for a stored end reason, outlet included."""
    kind, _colon, outlet = code.partition(":")
    if kind == NO_NEXT_STEP and outlet:
        name = outlet_label or outlet.replace("_", " ")
        return _("Left by “%(outlet)s”, where no step follows.") % {"outlet": name}
    return say(END_REASONS, kind)


def short_end_reason(code: str) -> str:
    """A few words for lists."""
    return say(SHORT_END_REASONS, code.partition(":")[0])


def resolution(stored: Mapping[str, object] | None) -> str:
    """What ended a wait, from its row."""
    stored = stored if isinstance(stored, dict) else {}
    match stored.get("type"):
        case "reply":
            return _("The contact answered: “%(text)s”") % {"text": _reply_text(stored)}
        case "delivered":
            return say(DELIVERIES, str(stored.get("status")))
        case "delivery_failed":
            return _("The message was not sent: %(error)s") % {"error": stored.get("error")}
        case "timed_out":
            return _("The time was up.")
        case _:
            return ""


def duration(length: timedelta) -> str:
    """A length of time in its two largest units, such as ``2 h 5 min``."""
    seconds = max(length.total_seconds(), 0.0)
    if seconds < 1:
        return _("%(number)d ms") % {"number": round(seconds * 1000)}
    parts = []
    rest = int(seconds)
    for size, name in ((86400, _("d")), (3600, _("h")), (60, _("min")), (1, _("s"))):
        number, rest = divmod(rest, size)
        if number:
            parts.append(f"{number} {name}")
    return " ".join(parts[:2])


def many(number: int) -> str:
    """A number that is counted no further than to ``MANY``."""
    return f"{MANY}+" if number > MANY else str(number)


def people_inside(number: int) -> str:
    """How many contacts are in a workflow."""
    if number > MANY:
        return _("More than %(number)d contacts are inside") % {"number": MANY}
    return ngettext("%(number)d contact is inside", "%(number)d contacts are inside", number) % {
        "number": number
    }


def _reply_text(stored: Mapping[str, object]) -> str:
    return str(stored.get("text") or stored.get("payload") or stored.get("kind") or "")
