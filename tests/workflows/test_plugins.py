"""Every plug-in is complete: it can be found, labelled, explained, tested and drawn by the builder."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from workflows.contract import question_types, step_types, trigger_types
from workflows.definition.describe import catalogue

TESTS = Path(__file__).parent
question_types.discover("workflows.questions")
step_types.discover("workflows.steps")
trigger_types.discover("workflows.triggers")

KINDS = [("steps", step_types), ("triggers", trigger_types), ("questions", question_types)]
ALL = [(folder, registry.get(key)) for folder, registry in KINDS for key in registry]
WITH_SETTINGS = [cls for folder, cls in ALL if folder != "questions"]


def settings_classes(cls, seen=()):
    yield cls
    for field in cls.model_fields.values():
        for inner in nested(field.annotation):
            if inner not in seen:
                yield from settings_classes(inner, (*seen, cls))


def nested(annotation):
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from nested(inner)


@pytest.mark.parametrize(("folder", "cls"), ALL, ids=lambda value: getattr(value, "key", value))
def test_a_plugin_is_complete(folder, cls):
    assert cls.__module__ == f"workflows.{folder}.{cls.key}"
    assert inspect.getdoc(inspect.getmodule(cls))
    assert cls.label
    assert (TESTS / folder / f"test_{cls.key}.py").exists()


@pytest.mark.parametrize("cls", WITH_SETTINGS, ids=lambda cls: cls.key)
def test_every_setting_is_explained(cls):
    assert cls.description
    for settings in settings_classes(cls.config_class):
        assert inspect.getdoc(settings)
        for name, field in settings.model_fields.items():
            assert field.description, f"{settings.__name__}.{name}"


@pytest.mark.parametrize("cls", WITH_SETTINGS, ids=lambda cls: cls.key)
def test_the_summary_names_settings_that_exist(cls):
    for path in (part.split("}")[0] for part in cls.summary.split("{")[1:]):
        current = [cls.config_class]
        for name in path.split("."):
            found = [c.model_fields[name].annotation for c in current if name in c.model_fields]
            assert found, f"{cls.key}: {path}"
            current = [inner for annotation in found for inner in nested(annotation)]


@pytest.mark.parametrize("key", list(step_types))
def test_outlet_rules_name_settings_that_exist(key):
    cls = step_types.get(key)
    for rule in cls.outlet_rules:
        path = rule.when or rule.each
        assert not path or path.split(".")[0] in cls.config_class.model_fields


def test_the_catalogue_is_plain_json_and_has_everything():
    found = json.loads(json.dumps(catalogue()))
    assert set(found["steps"]) == set(step_types)
    assert set(found["triggers"]) == set(trigger_types)
    assert set(found["questions"]) == set(question_types)
    assert found["steps"]["branch"]["outlets"][0]["each"] == "branches"
    assert found["steps"]["send_message"]["schema"]["properties"]["default"]["properties"]["text"]["x-widget"]
