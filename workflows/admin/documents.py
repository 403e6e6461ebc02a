"""A definition as text: read from what people typed, written so that they can read it, faults in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from django.utils.translation import gettext as _

from workflows.contract import Problem
from workflows.definition.migrations import FORMAT
from workflows.definition.validation import Issue

MAX_TEXT: Final = 400 * 1024
MAX_DEPTH: Final = 32
_PART_ORDER: Final = ("format", "type", "name", "note", "config", "once_per_contact", "outlets")


class BadText(Exception):  # noqa: N818 - carries a message for people
    """The text is no JSON object."""


def read_text(text: str) -> dict[str, Any]:
    """The JSON object that the text stands for. BadText says in which line it goes wrong."""
    if len(text.encode("utf-8", "replace")) > MAX_TEXT:
        raise BadText(_("The definition is longer than 400 KB."))
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        place = {"line": error.lineno, "column": error.colno, "fault": error.msg}
        raise BadText(
            _("This is no valid JSON. Line %(line)d, column %(column)d: %(fault)s.") % place
        ) from error
    except RecursionError as error:
        raise BadText(_("The definition is nested too deeply.")) from error
    except ValueError as error:
        raise BadText(_("A number in the definition is too long.")) from error
    if _is_deep(found):
        raise BadText(_("The definition is nested too deeply."))
    if not isinstance(found, dict):
        raise BadText(_("The definition must be a JSON object: it begins with { and ends with }."))
    return found


def write_text(document: Any) -> str:
    """The stored document, indented, parts and steps in the order in which people think of them."""
    return json.dumps(_in_order(document), indent=2, ensure_ascii=False)


def fingerprint(document: Any) -> str:
    """Short and the same as long as the document is."""
    text = json.dumps(document, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def issue_lines(issues: Iterable[Issue]) -> list[str]:
    """One readable line for each issue of a document: where it is, and what is wrong."""
    return [f"{_place(issue)}: {issue.message}" for issue in issues]


def problem_lines(problems: Iterable[Problem]) -> list[str]:
    """One readable line for each fault of a document that does not have the right shape."""
    return [_problem_line(problem) for problem in problems]


def sample() -> dict[str, Any]:
    """A small workflow that is valid in every workspace, for people to start from."""
    return {
        "format": FORMAT,
        "trigger": {
            "type": "conversation_opened",
            "config": {},
            "once_per_contact": False,
            "outlets": {"next": "welcome"},
        },
        "steps": {
            "welcome": {
                "type": "send_message",
                "name": str(_("Welcome")),
                "config": {
                    "default": {"text": str(_("Hi $contact.firstname, thank you for writing to us!"))}
                },
                "outlets": {"next": "ask"},
            },
            "ask": {
                "type": "ask_question",
                "name": str(_("Ask for the order number")),
                "config": {
                    "text": str(_("What is your order number?")),
                    "question_type": "text",
                    "save": {"variable": "order_number"},
                },
                "outlets": {"success": "note", "failure": None},
            },
            "note": {
                "type": "add_comment",
                "name": str(_("Tell the team")),
                "config": {"text": str(_("Order number: $order_number"))},
                "outlets": {"next": None},
            },
        },
    }


def _is_deep(found: Any) -> bool:
    level = [found] if isinstance(found, dict | list) else []
    for _depth in range(MAX_DEPTH):
        level = [
            child
            for part in level
            for child in (part.values() if isinstance(part, dict) else part)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _place(issue: Issue) -> str:
    step = _("Step %(id)s") % {"id": issue.step_id}
    where = str(_("Trigger")) if issue.step_id is None else str(step)
    return f"{where}, {issue.field}" if issue.field else where


def _problem_line(problem: Problem) -> str:
    part, _dot, rest = problem.field.partition(".")
    if part == "steps" and rest:
        step_id, _dot, field = rest.partition(".")
        return issue_lines([Issue(step_id, field, problem.code, problem.message)])[0]
    if part == "trigger":
        return issue_lines([Issue(None, rest, problem.code, problem.message)])[0]
    return f"{problem.field}: {problem.message}" if problem.field else problem.message


def _in_order(document: Any) -> Any:
    if not isinstance(document, Mapping):
        return document
    ordered = _part(document)
    if isinstance(ordered.get("trigger"), Mapping):
        ordered["trigger"] = _part(ordered["trigger"])
    steps = ordered.get("steps")
    if isinstance(steps, Mapping):
        trigger = ordered.get("trigger")
        ids = [*dict.fromkeys(_walk(trigger if isinstance(trigger, Mapping) else {}, steps))]
        ids.extend(key for key in steps if key not in ids)
        ordered["steps"] = {key: _part(steps[key]) for key in ids}
    return ordered


def _part(part: Any) -> Any:
    if not isinstance(part, Mapping):
        return part
    first = {key: part[key] for key in _PART_ORDER if key in part}
    return first | {key: value for key, value in part.items() if key not in first}


def _walk(trigger: Mapping[str, Any], steps: Mapping[str, Any]) -> Iterator[str]:
    """Ids of the steps as one meets them, depth first."""
    stack, seen = list(reversed(_targets(trigger))), set()
    while stack:
        key = stack.pop()
        if key in seen or key not in steps:
            continue
        seen.add(key)
        yield key
        stack.extend(reversed(_targets(steps[key])))


def _targets(part: Any) -> list[str]:
    outlets = part.get("outlets") if isinstance(part, Mapping) else None
    if not isinstance(outlets, Mapping):
        return []
    return [target for target in outlets.values() if isinstance(target, str)]
