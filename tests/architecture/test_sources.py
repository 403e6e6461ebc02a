"""What no linter knows: sizes, who reads the environment, who may sleep."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("isflow", "channels_app", "contacts", "conversations", "workflows")
LONGEST_MODULE = 300
LONGEST_FUNCTION = 40
# Long lists have no parts to name.
LISTS = {"isflow/settings/base.py", "isflow/kernel/countries.py"}
# These read the environment because they run before, or beside, the settings.
ENVIRONMENT_READERS = {
    "isflow/settings/base.py",
    "isflow/settings/dev.py",
    "isflow/settings/prod.py",
    "isflow/settings/test.py",
    "isflow/celery.py",
    "isflow/asgi.py",
    "isflow/wsgi.py",
    "isflow/infra/faults.py",
}


@cache
def sources():
    paths = [path for app in APPS for path in (ROOT / app).rglob("*.py")]
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in paths
        if not _is_migration(path)
    }


def _is_migration(path):
    return path.parent.name == "migrations" and path.name[:4].isdigit()


@cache
def trees():
    return {name: ast.parse(text) for name, text in sources().items()}


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def test_modules_stay_small():
    long = {name: text.count("\n") for name, text in sources().items() if text.count("\n") > LONGEST_MODULE}
    assert long.keys() - LISTS == set()


def test_functions_stay_small():
    long = {
        f"{name}:{node.name}": length
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := node.end_lineno - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert long == {}


def test_only_the_settings_read_the_environment():
    readers = {
        name
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv"})
        or (isinstance(node, ast.ImportFrom) and node.module == "environ")
    }
    assert readers - ENVIRONMENT_READERS == set()


def test_production_code_never_sleeps():
    sleepers = {
        f"{name}:{line}"
        for name, tree in trees().items()
        for line, call in calls(tree)
        if call in {"time.sleep", "sleep"} and name != "isflow/infra/faults.py"
    }
    assert sleepers == set()


def test_nothing_is_evaluated_or_unpickled():
    found = {
        f"{name}:{line} {call}"
        for name, tree in trees().items()
        for line, call in calls(tree)
        if call in {"eval", "exec", "pickle.loads", "yaml.load", "marshal.loads"}
    }
    assert found == set()


def test_imports_stand_at_the_top():
    late = {
        f"{name}:{inner.lineno}"
        for name, tree in trees().items()
        if not name.endswith("/apps.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    }
    assert late == set()


@pytest.mark.parametrize("app", APPS)
def test_every_package_is_one(app):
    bare = {
        folder.relative_to(ROOT).as_posix()
        for folder in {path.parent for path in (ROOT / app).rglob("*.py")}
        if not (folder / "__init__.py").exists()
    }
    assert bare == set()


def test_no_celery_message_carries_a_delay():
    """Waits are rows with a due time; a message's countdown would be lost with the broker."""
    found = {
        f"{name}:{node.lineno}"
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in {"eta", "countdown"}
    }
    assert found == set()
