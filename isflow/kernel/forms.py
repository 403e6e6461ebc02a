"""From a settings class to the schema that draws the builder's drawer."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

_PREFIX = "#/$defs/"


def form_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of a settings class with definitions put in place; ``x-`` hints are kept.

    A class that contains itself keeps its ``$ref`` and its ``$defs``.
    """
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    inlined: dict[str, Any] = _inline(schema, definitions, ())
    left = {ref.removeprefix(_PREFIX) for ref in _refs(inlined)}
    return inlined | {"$defs": definitions} if left else inlined


def _inline(node: Any, definitions: dict[str, Any], path: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_inline(item, definitions, path) for item in node]
    if not isinstance(node, dict):
        return node
    name = str(node.get("$ref", "")).removeprefix(_PREFIX)
    if name in definitions and name not in path:
        target = _inline(definitions[name], definitions, (*path, name))
        own = {key: value for key, value in node.items() if key != "$ref"}
        return target | _inline(own, definitions, path)
    return {
        key: _inline(value, definitions, path) for key, value in node.items() if not _is_mapping(key, value)
    }


def _is_mapping(key: str, value: Any) -> bool:
    """Tell whether this is the table of a discriminator, which points to definitions no longer there."""
    if key != "mapping" or not isinstance(value, dict):
        return False
    return all(isinstance(target, str) and target.startswith(_PREFIX) for target in value.values())


def _refs(node: Any) -> list[str]:
    if isinstance(node, list):
        return [ref for item in node for ref in _refs(item)]
    if not isinstance(node, dict):
        return []
    here = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return here + [ref for value in node.values() for ref in _refs(value)]
