"""Another system sends a JSON document to the workflow's own address.

The document names a contact and may carry values for the run. Limits as documented: ten variables, keys of
at most 500 characters, scalar values only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from isflow.kernel.jsonpath import Found, JsonKey
from isflow.kernel.templates import valid_variable_name
from isflow.kernel.values import Scalar
from workflows.contract import (
    Emission,
    EventView,
    Mismatch,
    Output,
    PluginConfig,
    Problem,
    TriggerConfig,
    WebhookReading,
    WebhookTrigger,
    check_json_key,
    trigger_types,
)

MAX_VARIABLES = 10
MAX_VALUE = 10_000


class WebhookVariable(PluginConfig):
    """A value of the document to keep."""

    key: str = Field(description="JSON key of the value, such as $.order.id", max_length=500)
    name: str = Field(description="Name of the variable", max_length=30)


class IncomingWebhookConfig(TriggerConfig):
    """How to read the document."""

    identifier_type: Literal["contact_id", "phone", "email"] = Field(
        default="email", description="How the contact is identified"
    )
    identifier_key: str = Field(description="JSON key of the identifier, such as $.email", max_length=500)
    variables: tuple[WebhookVariable, ...] = Field(
        default=(), description="Values to keep as variables", max_length=MAX_VARIABLES
    )


@trigger_types.register("incoming_webhook")
class IncomingWebhook(WebhookTrigger[IncomingWebhookConfig]):
    label = "Incoming webhook"
    description = "Starts when another app sends an HTTP POST request."
    icon = "webhook"
    summary = "{identifier_type} at {identifier_key}"
    config_class = IncomingWebhookConfig
    admits_blocked = True

    def match(self, event: EventView, config: IncomingWebhookConfig) -> Mismatch | None:
        return None

    def admits(self, emission: Emission, config: IncomingWebhookConfig) -> bool:
        return False

    def outputs(self, config: IncomingWebhookConfig) -> tuple[Output, ...]:
        return tuple(Output(variable.name, f"Webhook: {variable.name}") for variable in config.variables)

    def problems(self, config: IncomingWebhookConfig) -> Iterable[Problem]:
        yield from _key_problems("identifier_key", config.identifier_key)
        keys: set[str] = set()
        names: set[str] = set()
        for index, variable in enumerate(config.variables):
            path = f"variables.{index}"
            faults = list(_key_problems(f"{path}.key", variable.key))
            yield from faults
            if not faults:
                canonical = check_json_key(variable.key)
                if canonical in keys:
                    yield Problem(f"{path}.key", "This JSON key is used twice.", "duplicate")
                keys.add(canonical)
            try:
                name = valid_variable_name(variable.name)
            except ValueError as error:
                yield Problem(f"{path}.name", str(error))
                continue
            if name in names:
                yield Problem(f"{path}.name", "This name is used twice.", "duplicate")
            names.add(name)

    def read(self, document: Any, config: IncomingWebhookConfig) -> WebhookReading:
        notes: list[str] = []
        found = _scalar(document, config.identifier_key)
        identifier = found if isinstance(found, str | int) and not isinstance(found, bool) else None
        variables: dict[str, Scalar] = {}
        for variable in config.variables:
            place = JsonKey.parse(variable.key).find(document)
            if isinstance(place, Found) and place.is_container:
                notes.append(f"{variable.key} holds an object or a list, so ${variable.name} stays empty.")
            value = _scalar(document, variable.key)
            name = valid_variable_name(variable.name)
            variables[name] = value[:MAX_VALUE] if isinstance(value, str) else value
        kind = "id" if config.identifier_type == "contact_id" else config.identifier_type
        return WebhookReading(kind, identifier, config.identifier_key, variables, tuple(notes))


def _key_problems(field: str, key: str) -> Iterable[Problem]:
    try:
        check_json_key(key)
    except ValueError as error:
        yield Problem(field, str(error), "json_key")


def _scalar(document: Any, key: str) -> Scalar:
    place = JsonKey.parse(key).find(document)
    value = place.value if isinstance(place, Found) else None
    return value if isinstance(value, str | int | float) else None
