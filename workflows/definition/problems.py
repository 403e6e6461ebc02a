"""Faults of settings and documents in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from workflows.contract import Problem

_MESSAGES: Mapping[str, str] = {
    "missing": "This is required.",
    "extra_forbidden": "This setting is not known.",
    "string_type": "Enter text.",
    "int_type": "Enter a whole number.",
    "int_from_float": "Enter a whole number.",
    "float_type": "Enter a number.",
    "finite_number": "Enter a number.",
    "bool_type": "Choose yes or no.",
    "tuple_type": "Enter a list.",
    "dict_type": "Enter named values.",
    "model_type": "Fill in these settings.",
    "string_too_long": "At most {max_length} characters.",
    "greater_than_equal": "Must be at least {ge}.",
    "greater_than": "Must be greater than {gt}.",
    "less_than_equal": "Must be at most {le}.",
    "less_than": "Must be less than {lt}.",
    "literal_error": "Choose one of these: {expected}.",
    "enum": "Choose one of these: {expected}.",
    "too_long": "At most {max_length} entries.",
    "value_error": "{error}.",
    "string_pattern_mismatch": "The text does not have the right form.",
}


def problems_of(error: ValidationError) -> Iterator[Problem]:
    """Each fault that pydantic found, by dotted path and in words for people."""
    for fault in error.errors(include_url=False):
        path = ".".join(str(part) for part in fault["loc"])
        yield Problem(path, _message(fault["type"], fault["msg"], fault.get("ctx", {})), _code(fault["type"]))


def _message(kind: str, given: str, context: Mapping[str, Any]) -> str:
    if kind in {"string_too_short", "too_short"}:
        return _too_short(kind, int(context.get("min_length", 1)))
    template = _MESSAGES.get(kind)
    if template is None:
        return f"{given.rstrip('.')}."
    return template.format_map({key: str(value).rstrip(".") for key, value in context.items()})


def _too_short(kind: str, minimum: int) -> str:
    if kind == "string_too_short":
        return "This is required." if minimum == 1 else f"At least {minimum} characters."
    return "Add at least one entry." if minimum == 1 else f"Add at least {minimum} entries."


def _code(kind: str) -> str:
    return "required" if kind in {"missing", "string_too_short", "too_short"} else "invalid"
