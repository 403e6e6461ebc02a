"""From the stored document to what the engine walks: types found, settings parsed, needs gathered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from isflow.kernel.errors import Rejected
from isflow.kernel.registry import UnknownKeyError
from isflow.kernel.templates import names
from workflows.contract import (
    FieldRef,
    Need,
    PluginConfig,
    StepConfig,
    StepType,
    TriggerConfig,
    TriggerType,
    mentions,
    need_of,
    step_types,
    templates,
    trigger_types,
)
from workflows.definition.problems import problems_of
from workflows.definition.schema import DefinitionDocument, StepDocument

NEXT = "next"


class CannotCompile(Rejected):
    """The document names a type that is not installed or has settings its type refuses."""

    default_code = "cannot_compile"


@dataclass(frozen=True, slots=True)
class CompiledStep:
    """A step with its type and parsed settings."""

    id: str
    type_key: str
    name: str
    type: StepType[Any]
    config: StepConfig
    outlets: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Definition:
    """Everything the engine must know of one version. ``first_step_id`` is empty while there is no step.

    ``needs``: the parts of the snapshot that any step may read. ``declared``: names, in lower case, that
    templates know even while they have no value.
    """

    trigger_key: str
    trigger: TriggerType[Any]
    trigger_config: TriggerConfig
    once_per_contact: bool
    first_step_id: str
    steps: Mapping[str, CompiledStep]
    needs: frozenset[Need]
    declared: frozenset[str]


def compile_definition(document: DefinitionDocument) -> Definition:
    """Compile a document whose settings are valid; CannotCompile says where they are not."""
    trigger_key = document.trigger.type
    trigger = find_trigger(trigger_key)
    trigger_config = parse_settings(trigger.config_class, document.trigger.config, "the trigger")
    steps = {key: _compile_step(key, step) for key, step in document.steps.items()}
    outputs = [*trigger.outputs(trigger_config)]
    for step in steps.values():
        outputs.extend(step.type.outputs(step.config))
    return Definition(
        trigger_key=trigger_key,
        trigger=trigger,
        trigger_config=trigger_config,
        once_per_contact=document.trigger.once_per_contact,
        first_step_id=document.trigger.outlets.get(NEXT) or "",
        steps=steps,
        needs=frozenset(need for step in steps.values() for need in _needs(step)),
        declared=frozenset(output.name.lower() for output in outputs),
    )


def find_trigger(key: str) -> TriggerType[Any]:
    """An instance of the trigger type; CannotCompile if it is not installed."""
    try:
        return trigger_types.get(key)()
    except UnknownKeyError as error:
        raise CannotCompile(str(error), code="unknown_type") from error


def find_step_type(key: str) -> StepType[Any]:
    """An instance of the step type; CannotCompile if it is not installed."""
    try:
        return step_types.get(key)()
    except UnknownKeyError as error:
        raise CannotCompile(str(error), code="unknown_type") from error


def parse_settings(config_class: type[Any], config: Mapping[str, Any], where: str) -> Any:
    """The settings as their class; CannotCompile names the first fault."""
    try:
        return validate_settings(config_class, config)
    except ValidationError as error:
        first = next(problems_of(error))
        raise CannotCompile(f"Settings of {where}: {first.field}: {first.message}") from error


def validate_settings(config_class: type[Any], config: Mapping[str, Any]) -> Any:
    """The settings as their class, by way of JSON text: from there strict classes read enums too."""
    return config_class.model_validate_json(json.dumps(config))


def template_names(config: PluginConfig) -> Iterator[str]:
    """Every name that the templates of some settings may mean."""
    for mention in templates(config):
        for reference in names(mention.value):
            yield from reference.candidates


def _compile_step(key: str, step: StepDocument) -> CompiledStep:
    kind = find_step_type(step.type)
    config = parse_settings(kind.config_class, step.config, f"the step “{step.name or key}”")
    return CompiledStep(key, step.type, step.name or str(kind.label), kind, config, dict(step.outlets))


def _needs(step: CompiledStep) -> Iterator[Need]:
    yield from step.type.needs_of(step.config)
    for mention in mentions(step.config, FieldRef):
        if need_of(f"contact.{mention.value.slug}") is Need.FIELDS:
            yield Need.FIELDS
    for name in template_names(step.config):
        need = need_of(name)
        if need is not None:
            yield need
