"""The rules of docs/conformance.toml, the tests that name them, and the table made of both."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
RULES = ROOT / "docs" / "conformance.toml"
TABLE = ROOT / "docs" / "conformance.md"
TESTS = ROOT / "tests"
STATES = ("works", "better", "later")

_JS_RULE = re.compile(r"^\s*//\s*rule:\s*(?P<ids>.+)$")
_JS_TEST = re.compile(r"^\s*(?:test|it)\(\s*([\"'`])(?P<name>.*?)\1")


@dataclass(frozen=True)
class Rule:
    """One promise; ``tests``: the places that prove it."""

    id: str
    section: str
    state: str
    text: str
    tests: tuple[str, ...] = ()


@dataclass
class Conformance:
    """All rules with their tests, and what is wrong with them."""

    rules: list[Rule] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def load() -> Conformance:
    """Join the list of rules with the tests of this checkout."""
    named: dict[str, list[str]] = {}
    for rule_id, place in sorted(set(marks())):
        named.setdefault(rule_id, []).append(place)
    found = Conformance()
    for section in tomllib.loads(RULES.read_text())["section"]:
        for rule_id, (state, text) in section["rules"].items():
            found.rules.append(Rule(rule_id, section["title"], state, text, tuple(named.pop(rule_id, ()))))
    found.faults = [
        *(
            f"{place} names the unknown rule {rule_id}"
            for rule_id, places in named.items()
            for place in places
        ),
        *_faults(found.rules),
    ]
    return found


def marks() -> Iterator[tuple[str, str]]:
    """Every (rule id, test) of the test suite, read from the sources without running anything."""
    for path in sorted(TESTS.rglob("test_*.py")):
        yield from _python_marks(path)
    for path in sorted((TESTS / "js").glob("*.mjs")):
        yield from _script_marks(path)


def table(found: Conformance) -> str:
    """The page docs/conformance.md."""
    count = {state: sum(rule.state == state for rule in found.rules) for state in STATES}
    lines = [
        "# Conformance",
        "",
        "Written by `make conformance` from [conformance.toml](conformance.toml) and the tests; do not edit.",
        "",
        "Which rule is proved by which test. *Works*: as asked for. *Better*: we do more than was asked for.",
        "*Later*: not built, or built but not proved. `S…` rules come from the requirements, `SP…` from what",
        "follows from them, `DS…` from the [architecture](architecture.md).",
        "",
        f"{len(found.rules)} rules: {', '.join(f'{count[state]} {state}' for state in STATES)}.",
    ]
    section = ""
    for rule in found.rules:
        if rule.section != section:
            section = rule.section
            lines += [
                "",
                f"## {section}",
                "",
                "| Rule | | Promise | Proved by |",
                "| --- | --- | --- | --- |",
            ]
        tests = "<br>".join(f"`{place}`" for place in rule.tests)
        lines.append(f"| {rule.id} | {rule.state} | {rule.text} | {tests} |")
    return "\n".join([*lines, ""])


def _faults(rules: list[Rule]) -> Iterator[str]:
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            yield f"The rule {rule.id} stands twice"
        seen.add(rule.id)
        if rule.state not in STATES:
            yield f"The rule {rule.id} has the unknown state “{rule.state}”"
        if rule.state in {"works", "better"} and not rule.tests:
            yield f"No test proves the rule {rule.id}, which is said to work"
        if rule.state == "later" and rule.tests:
            yield f"The rule {rule.id} is for later, but {rule.tests[0]} proves it"


def _python_marks(path: Path) -> Iterator[tuple[str, str]]:
    tree = ast.parse(path.read_text())
    name = path.relative_to(ROOT).as_posix()
    tests = [node for node in ast.walk(tree) if _is_test(node)]
    for test in tests:
        for decorator in test.decorator_list:
            yield from ((rule_id, f"{name}::{test.name}") for rule_id in _ids(decorator))
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(_is_pytestmark(target) for target in node.targets):
            yield from ((rule_id, name) for rule_id in _ids(node.value))


def _is_test(node: ast.AST) -> bool:
    is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return is_function and node.name.startswith("test_")


def _is_pytestmark(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "pytestmark"


def _ids(node: ast.AST) -> Iterator[str]:
    """Ids in every ``….rule("…")`` below the node, also inside ``pytest.param(marks=…)``."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "rule":
            yield from (arg.value for arg in call.args if isinstance(arg, ast.Constant))


def _script_marks(path: Path) -> Iterator[tuple[str, str]]:
    """A comment ``// rule: ID ID`` belongs to the next test."""
    waiting: list[str] = []
    for line in path.read_text().splitlines():
        if comment := _JS_RULE.match(line):
            waiting += comment["ids"].replace(",", " ").split()
        elif (test := _JS_TEST.match(line)) and waiting:
            yield from (
                (rule_id, f"{path.relative_to(ROOT).as_posix()}: {test['name']}") for rule_id in waiting
            )
            waiting = []
