"""Settings of plug-ins: frozen, strict, and the source of drawer, validation, import and documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from isflow.kernel.jsonpath import JsonKey
from isflow.kernel.templates import valid_variable_name

TEXT_LIMIT = 2000
WEEK_SECONDS = 7 * 24 * 3600
UNIT_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


class PluginConfig(BaseModel):
    """Base of all settings; unknown keys and values of another type are refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class StepConfig(PluginConfig):
    """Settings of a step."""


class TriggerConfig(PluginConfig):
    """Settings of a trigger."""


class Ref(PluginConfig):
    """Points to a thing of the workspace. The label finds it again after an import elsewhere."""

    kind: ClassVar[str]

    id: int = Field(description="Id in this workspace")
    label: str = Field(default="", description="Name, for people and for imports")


class TagRef(Ref):
    """A tag."""

    model_config = ConfigDict(json_schema_extra={"x-options": "tags"})

    kind: ClassVar[str] = "tag"


class UserRef(Ref):
    """A member of the workspace."""

    model_config = ConfigDict(json_schema_extra={"x-options": "users"})

    kind: ClassVar[str] = "user"


class TeamRef(Ref):
    """A team."""

    model_config = ConfigDict(json_schema_extra={"x-options": "teams"})

    kind: ClassVar[str] = "team"


class ChannelRef(Ref):
    """A connected channel."""

    model_config = ConfigDict(json_schema_extra={"x-options": "channels"})

    kind: ClassVar[str] = "channel"


class CategoryRef(Ref):
    """A closing-note category."""

    model_config = ConfigDict(json_schema_extra={"x-options": "categories"})

    kind: ClassVar[str] = "category"


class WorkflowRef(Ref):
    """A workflow."""

    model_config = ConfigDict(json_schema_extra={"x-options": "workflows"})

    kind: ClassVar[str] = "workflow"


class FieldRef(PluginConfig):
    """Points to a standard or custom contact field by its unchanging slug."""

    model_config = ConfigDict(json_schema_extra={"x-options": "fields"})

    kind: ClassVar[str] = "field"

    slug: str = Field(description="Slug of the field")
    label: str = Field(default="", description="Name, for people")


class Duration(PluginConfig):
    """A length of time as people say it."""

    model_config = ConfigDict(json_schema_extra={"x-widget": "duration"})

    value: int = Field(ge=1, description="How many")
    unit: Literal["seconds", "minutes", "hours", "days"] = Field(description="Of what")

    @property
    def seconds(self) -> int:
        """The length in seconds."""
        return self.value * UNIT_SECONDS[self.unit]


@dataclass(frozen=True)
class TemplateMark:
    """Marks a text in which ``$variables`` are replaced."""


Template = Annotated[str, TemplateMark(), Field(json_schema_extra={"x-widget": "template"})]


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in some settings: dotted path and what stands there."""

    path: str
    value: Any


def mentions(config: BaseModel, wanted: type | tuple[type, ...], path: str = "") -> Iterator[Mention]:
    """Every value of the wanted types anywhere in the settings, such as all ``Ref``."""
    for name, value in config:
        yield from _mentions(value, wanted, f"{path}{name}")


def _mentions(value: Any, wanted: type | tuple[type, ...], path: str) -> Iterator[Mention]:
    if isinstance(value, wanted):
        yield Mention(path, value)
    elif isinstance(value, BaseModel):
        yield from mentions(value, wanted, f"{path}.")
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from _mentions(item, wanted, f"{path}.{index}")


def templates(config: BaseModel, path: str = "") -> Iterator[Mention]:
    """Every text of the settings in which variables are replaced."""
    for name, info in type(config).model_fields.items():
        is_template = _is_marked(info.metadata) or _has_mark(info.annotation)
        yield from _templates(getattr(config, name), f"{path}{name}", is_template=is_template)


def _templates(value: Any, path: str, *, is_template: bool) -> Iterator[Mention]:
    if isinstance(value, str) and is_template:
        yield Mention(path, value)
    elif isinstance(value, BaseModel):
        yield from templates(value, f"{path}.")
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _templates(item, f"{path}.{index}", is_template=is_template)


def _is_marked(metadata: Any) -> bool:
    return any(isinstance(mark, TemplateMark) for mark in metadata)


def _has_mark(annotation: Any) -> bool:
    if _is_marked(getattr(annotation, "__metadata__", ())):
        return True
    return any(_has_mark(inner) for inner in get_args(annotation))


def check_json_key(text: str) -> str:
    """The canonical form of a JSON key; ValueError says what is wrong with it."""
    return JsonKey.parse(text).canonical


def _readable_key(text: str) -> str:
    JsonKey.parse(text)
    return text


def _name_or_nothing(text: str) -> str:
    return valid_variable_name(text) if text.strip() else ""


JsonKeyText = Annotated[
    str, AfterValidator(_readable_key), Field(json_schema_extra={"x-widget": "json-path"})
]
"""A JSON key such as ``$.data[0].name``."""

VariableName = Annotated[
    str, AfterValidator(valid_variable_name), Field(json_schema_extra={"x-widget": "variable-name"})
]
"""A name under which a value is kept, in its stored form."""

OptionalVariableName = Annotated[
    str, AfterValidator(_name_or_nothing), Field(json_schema_extra={"x-widget": "variable-name"})
]
"""The same, or empty where nothing is to be kept."""
