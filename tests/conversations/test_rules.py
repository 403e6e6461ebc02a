from __future__ import annotations

import ast
from pathlib import Path

import conversations

ROOT = Path(conversations.__file__).parent
SILENT = {"update", "bulk_create", "bulk_update"}
INSERT = "insert_many"
MAY_WRITE_SILENTLY = {"services", "inbound.py", "breaker.py", "limits.py"}
"""Changes made so send no model signal; whoever makes them records the events, if there are any."""


def silent_writes(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id == INSERT:
            yield f"{path.relative_to(ROOT)}:{node.lineno}"
        elif isinstance(node.func, ast.Attribute) and node.func.attr in SILENT:
            receiver = ast.unparse(node.func.value)
            if "objects" in receiver or "_manager" in receiver or ".filter(" in receiver:
                yield f"{path.relative_to(ROOT)}:{node.lineno}"


def test_only_services_write_without_signals():
    found = [
        place
        for path in sorted(ROOT.rglob("*.py"))
        if path.relative_to(ROOT).parts[0] not in MAY_WRITE_SILENTLY
        for place in silent_writes(path)
    ]
    assert found == []


def test_the_rule_sees_a_silent_write():
    assert list(silent_writes(ROOT / "inbound.py"))
