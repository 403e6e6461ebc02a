"""Everything that is wrong with a document, as a list of issues that lead to the step and the setting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from isflow.kernel.templates import Reference, names
from workflows.contract import (
    FieldRef,
    Known,
    Outlet,
    PluginConfig,
    Problem,
    Ref,
    is_builtin,
    mentions,
    templates,
)
from workflows.definition.compile import (
    NEXT,
    CannotCompile,
    find_step_type,
    find_trigger,
    validate_settings,
)
from workflows.definition.graph import Shape, shape_of
from workflows.definition.problems import problems_of
from workflows.definition.schema import DefinitionDocument, StepDocument


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault. ``step_id`` None: the trigger. ``field``: dotted path into its settings, or empty."""

    step_id: str | None
    field: str
    code: str
    message: str
    is_warning: bool = False


@dataclass(slots=True)
class _Checked:
    """A trigger or step whose settings could be read."""

    step_id: str | None
    config: PluginConfig
    outlets: tuple[Outlet, ...]
    outputs: frozenset[str]


@dataclass(slots=True)
class _Work:
    document: DefinitionDocument
    known: Known
    shape: Shape
    checked: dict[str | None, _Checked] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)

    def add(self, step_id: str | None, problems: Iterable[Problem]) -> None:
        self.issues.extend(Issue(step_id, p.field, p.code, p.message, p.is_warning) for p in problems)


def validate(document: DefinitionDocument, known: Known) -> list[Issue]:
    """Errors and warnings in the order of the document; nothing but warnings means it may be published."""
    steps = document.steps
    work = _Work(document, known, shape_of(document.trigger.outlets.get(NEXT), steps))
    _check_trigger(work)
    for step_id, step in steps.items():
        _check_step(work, step_id, step)
    if not steps:
        work.add(None, [Problem("", "Add at least one step after the trigger.", "trigger_without_step")])
    for step_id, step in steps.items():
        work.add(step_id, _place(work, step_id))
        work.add(step_id, _ways_out(work, step_id, step))
    work.add(None, _trigger_ways_out(work))
    _check_names(work)
    for checked in work.checked.values():
        work.add(checked.step_id, _references(work, checked))
        work.add(checked.step_id, _variables(work, checked))
    order = {step_id: place for place, step_id in enumerate([None, *steps])}
    return sorted(work.issues, key=lambda issue: (order[issue.step_id], issue.is_warning))


def has_errors(issues: Iterable[Issue]) -> bool:
    """Whether any of the issues is more than a warning."""
    return any(not issue.is_warning for issue in issues)


def _check_trigger(work: _Work) -> None:
    document = work.document.trigger
    try:
        trigger = find_trigger(document.type)
    except CannotCompile as error:
        work.add(None, [Problem("type", error.message, "unknown_type")])
        return
    config = _settings(work, None, trigger.config_class, document.config)
    if config is None:
        return
    work.add(None, trigger.problems(config))
    outputs = frozenset(output.name.lower() for output in trigger.outputs(config))
    work.checked[None] = _Checked(None, config, (Outlet(NEXT, "Next"),), outputs)


def _check_step(work: _Work, step_id: str, document: StepDocument) -> None:
    try:
        kind = find_step_type(document.type)
    except CannotCompile as error:
        work.add(step_id, [Problem("type", error.message, "unknown_type")])
        return
    config = _settings(work, step_id, kind.config_class, document.config)
    if config is None:
        return
    work.add(step_id, kind.problems(config))
    work.add(step_id, kind.misfits(config, work.known))
    outputs = frozenset(output.name.lower() for output in kind.outputs(config))
    work.checked[step_id] = _Checked(step_id, config, kind.outlets(config), outputs)


def _settings(work: _Work, step_id: str | None, config_class: type[Any], config: dict[str, Any]) -> Any:
    try:
        return validate_settings(config_class, config)
    except ValidationError as error:
        work.add(step_id, problems_of(error))
        return None


def _place(work: _Work, step_id: str) -> Iterator[Problem]:
    shape = work.shape
    if step_id in shape.circular:
        yield Problem("", "The way from this step leads back to it.", "cycle")
    elif step_id not in shape.reachable:
        yield Problem("", "No way leads to this step.", "unreachable")
    if step_id in shape.doubled:
        yield Problem("", "More than one way leads to this step.", "two_parents")


def _ways_out(work: _Work, step_id: str, step: StepDocument) -> Iterator[Problem]:
    checked = work.checked.get(step_id)
    offered = {outlet.id for outlet in checked.outlets} if checked else None
    for outlet, target in step.outlets.items():
        if target is None:
            continue
        if target not in work.document.steps:
            yield Problem("", f"The outlet “{outlet}” leads to a step that is not there.", "unknown_target")
        if offered is not None and outlet not in offered:
            yield Problem("", f"With these settings there is no outlet “{outlet}”.", "unknown_outlet")


def _trigger_ways_out(work: _Work) -> Iterator[Problem]:
    for outlet, target in work.document.trigger.outlets.items():
        if outlet != NEXT:
            yield Problem("", f"A trigger has no outlet “{outlet}”.", "unknown_outlet")
        elif target is not None and target not in work.document.steps:
            yield Problem("", "The trigger leads to a step that is not there.", "unknown_target")
        elif target is None and work.document.steps:
            yield Problem("", "The trigger leads to no step.", "trigger_without_step")


def _check_names(work: _Work) -> None:
    """A name belongs to one trigger or step; the second who wants it is told."""
    owners: set[str] = set()
    for checked in work.checked.values():
        for name in sorted(checked.outputs & owners):
            if "." not in name or name.partition(".")[0] not in checked.outputs:
                message = f"Another step already keeps its value as “{name}”."
                work.add(checked.step_id, [Problem("", message, "duplicate_variable")])
        owners |= checked.outputs


def _references(work: _Work, checked: _Checked) -> Iterator[Problem]:
    for mention in mentions(checked.config, (Ref, FieldRef)):
        ref: Ref | FieldRef = mention.value
        key = ref.slug if isinstance(ref, FieldRef) else ref.id
        if not work.known.has(ref.kind, key):
            name = f"“{ref.label}” " if ref.label else ""
            yield Problem(mention.path, f"The {ref.kind} {name}does not exist.", f"unknown_{ref.kind}")


def _variables(work: _Work, checked: _Checked) -> Iterator[Problem]:
    """Names that print as typed because nobody knows them, or nothing because their step comes later."""
    everything = frozenset(name for other in work.checked.values() for name in other.outputs)
    earlier = _known_before(work, checked)
    for mention in templates(checked.config):
        for reference in names(mention.value):
            problem = _judge(reference, mention.path, everything, earlier, work.known)
            if problem is not None:
                yield problem


def _known_before(work: _Work, checked: _Checked) -> frozenset[str]:
    if checked.step_id is None:
        return checked.outputs
    passed: list[str | None] = [None, checked.step_id]
    passed.extend(step_id for step_id, _ in work.shape.path_to(checked.step_id))
    return frozenset(name for key in passed if key in work.checked for name in work.checked[key].outputs)


def _judge(
    reference: Reference, path: str, everything: frozenset[str], earlier: frozenset[str], known: Known
) -> Problem | None:
    candidates = [_plain(name) for name in reference.candidates]
    if any(_is_standing(name, known) or name in earlier for name in candidates):
        return None
    if any(name in everything for name in candidates):
        message = f"“${reference.name}” may be empty here: it gets its value elsewhere."
        return Problem(path, message, "variable_may_be_empty", is_warning=True)
    message = f"Nobody knows “${reference.name}”; it will be sent as typed."
    return Problem(path, message, "unknown_variable", is_warning=True)


def _plain(name: str) -> str:
    """The name without the aliases that the look-up allows."""
    space, _, rest = name.partition(".")
    if space == "webhook" and rest:
        return rest
    return f"clicktochat.{rest}" if space == "ad" and rest else name


def _is_standing(name: str, known: Known) -> bool:
    space, _, rest = name.partition(".")
    return is_builtin(name) or (space == "contact" and rest in known.fields)
