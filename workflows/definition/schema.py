"""The document of a workflow as it is stored, exported and edited: one trigger and its tree of steps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from isflow.kernel.errors import Rejected
from workflows.contract import Problem
from workflows.definition.migrations import FORMAT, migrate
from workflows.definition.problems import problems_of

MAX_STEPS = 100
MAX_ID = 40
MAX_NAME = 100
MAX_NOTE = 1000

StepId = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
Outlets = dict[StepId, StepId | None]


class InvalidDocument(Rejected):
    """The document cannot be read; ``problems`` says where and why."""

    default_code = "invalid_document"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        first = problems[0]
        where = f" ({first.field})" if first.field else ""
        super().__init__(f"{first.message}{where}")
        self.problems = problems


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class TriggerDocument(_Part):
    """What starts the workflow; its one outlet ``next`` leads to the first step."""

    type: str = Field(min_length=1, max_length=64)
    config: dict[str, Any] = Field(default_factory=dict)
    once_per_contact: bool = False
    outlets: Outlets = Field(default_factory=dict)


class StepDocument(_Part):
    """One step. An outlet that leads nowhere ends the run."""

    type: str = Field(min_length=1, max_length=64)
    name: str = Field(default="", max_length=MAX_NAME)
    note: str = Field(default="", max_length=MAX_NOTE)
    config: dict[str, Any] = Field(default_factory=dict)
    outlets: Outlets = Field(default_factory=dict)


class DefinitionDocument(_Part):
    """The whole document, in the format of today."""

    format: int = FORMAT
    trigger: TriggerDocument
    steps: dict[StepId, StepDocument] = Field(default_factory=dict, max_length=MAX_STEPS)


def parse_document(raw: str | bytes | Mapping[str, Any]) -> DefinitionDocument:
    """Read a document strictly, older formats included; InvalidDocument says what is wrong with it."""
    document = _read(raw) if isinstance(raw, str | bytes) else dict(raw)
    text = _storable(_with_one_trigger(document))
    try:
        return DefinitionDocument.model_validate_json(text)
    except ValidationError as error:
        raise InvalidDocument(tuple(_in_words(problem) for problem in problems_of(error))) from error


def dump_document(document: DefinitionDocument) -> dict[str, Any]:
    """The document as plain JSON values, as it is stored."""
    return document.model_dump(mode="json")


def _read(raw: str | bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw, object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        message = str(error) if isinstance(error, _DoubleKeyError) else "This is no valid JSON."
        raise _refused(message) from error
    if not isinstance(document, dict):
        raise _refused("The document must be a JSON object.")
    return document


def _with_one_trigger(document: dict[str, Any]) -> dict[str, Any]:
    trigger = document.get("trigger")
    if "triggers" in document or isinstance(trigger, list):
        raise _refused("A workflow has exactly one trigger.", "trigger")
    if trigger is None:
        raise _refused("The workflow has no trigger.", "trigger")
    try:
        migrated = migrate(document)
    except Rejected as error:
        raise _refused(error.message, "format") from error
    return {key: value for key, value in migrated.items() if not key.startswith("x_")}


def _storable(document: dict[str, Any]) -> str:
    """The document as JSON text, refused if a database could not keep it."""
    try:
        text = json.dumps(document, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise _refused("The document holds a value that is no JSON.") from error
    if any(_is_unstorable(part) for part in _strings(document)):
        raise _refused("The document holds a character that cannot be stored.")
    return text


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


def _is_unstorable(text: str) -> bool:
    return "\0" in text or any("\ud800" <= character <= "\udfff" for character in text)


class _DoubleKeyError(ValueError):
    """A name stands twice in one JSON object."""


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _DoubleKeyError(f"“{key}” stands twice in the document.")
        found[key] = value
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(word)


def _in_words(problem: Problem) -> Problem:
    if problem.field == "steps" and problem.message.startswith("At most"):
        return Problem("steps", f"A workflow has at most {MAX_STEPS} steps.", "too_many_steps")
    return problem


def _refused(message: str, field: str = "") -> InvalidDocument:
    return InvalidDocument((Problem(field, message),))
