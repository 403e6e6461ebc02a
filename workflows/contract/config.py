"""Settings of plug-ins: frozen, strict, and the source of drawer, validation, import and documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from isflow.kernel.jsonpath import JsonKey

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
    """Points to a tag."""

    kind: ClassVar[str] = "tag"


class UserRef(Ref):
    """Points to a member."""

    kind: ClassVar[str] = "user"


class TeamRef(Ref):
    """Points to a team."""

    kind: ClassVar[str] = "team"


class ChannelRef(Ref):
    """Points to a channel."""

    kind: ClassVar[str] = "channel"


class CategoryRef(Ref):
    """Points to a closing category."""

    kind: ClassVar[str] = "category"


class WorkflowRef(Ref):
    """Points to a workflow."""

    kind: ClassVar[str] = "workflow"


class FieldRef(PluginConfig):
    """Points to a standard or custom contact field by its unchanging slug."""

    kind: ClassVar[str] = "field"

    slug: str = Field(description="Slug of the field")
    label: str = Field(default="", description="Name, for people")


class Duration(PluginConfig):
    """A length of time as people say it."""

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
        value = getattr(config, name)
        here = f"{path}{name}"
        if isinstance(value, str) and any(isinstance(mark, TemplateMark) for mark in info.metadata):
            yield Mention(here, value)
        elif isinstance(value, BaseModel):
            yield from templates(value, f"{here}.")
        elif isinstance(value, tuple):
            for index, item in enumerate(value):
                if isinstance(item, BaseModel):
                    yield from templates(item, f"{here}.{index}.")


def check_json_key(text: str) -> str:
    """The canonical form of a JSON key; ValueError says what is wrong with it."""
    return JsonKey.parse(text).canonical
