from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from isflow.kernel.forms import form_schema


class Row(BaseModel):
    label: str = Field(default="", max_length=20, description="What people read")


class Settings(BaseModel):
    text: str = Field(description="The message", json_schema_extra={"x-widget": "template"})
    first: Row = Field(default=Row(), description="The first row", json_schema_extra={"x-advanced": True})
    rows: list[Row] = Field(default=[], max_length=10)
    maybe: Row | None = None


class Tree(BaseModel):
    name: str
    row: Row
    children: list[Tree] = []


class Circle(BaseModel):
    kind: Literal["circle"]


class Square(BaseModel):
    kind: Literal["square"]


class Drawing(BaseModel):
    shape: Annotated[Circle | Square, Field(discriminator="kind")]


def test_definitions_are_put_in_place_and_hints_are_kept():
    schema = form_schema(Settings)
    fields = schema["properties"]

    assert "$ref" not in json.dumps(schema)
    assert "$defs" not in schema
    assert fields["text"]["x-widget"] == "template"
    assert fields["first"]["x-advanced"] is True
    assert fields["first"]["description"] == "The first row"
    assert fields["first"]["properties"]["label"]["maxLength"] == 20
    assert fields["rows"]["items"]["properties"]["label"]["description"] == "What people read"
    assert fields["maybe"]["anyOf"][0]["type"] == "object"
    assert schema["required"] == ["text"]


def test_a_class_that_contains_itself_keeps_its_reference():
    schema = form_schema(Tree)

    assert "Tree" in schema["$defs"]
    assert "$ref" in json.dumps(schema)


def test_a_choice_by_kind_points_nowhere():
    schema = form_schema(Drawing)

    assert "#/$defs" not in json.dumps(schema)
    assert schema["properties"]["shape"]["discriminator"] == {"propertyName": "kind"}
    assert len(schema["properties"]["shape"]["oneOf"]) == 2
