"""Documentation that can be checked is checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
_VARIABLE = re.compile(r'env\.\w+\(\s*"([A-Z_]+)"')
_ERROR = re.compile(r'"error": "(\w+)"|_error\(\d+, "(\w+)"|_BadBody\(\d+, "(\w+)"\)')


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in _LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_variable_of_the_environment_is_explained():
    manual = (ROOT / "docs" / "operating.md").read_text()
    for settings in ("base", "dev", "prod"):
        source = (ROOT / "isflow" / "settings" / f"{settings}.py").read_text()
        for name in _VARIABLE.findall(source):
            assert f"`{name}`" in manual, f"docs/operating.md does not know {name}"


def test_every_error_of_the_webhook_is_explained():
    manual = (ROOT / "docs" / "api.md").read_text()
    for path in ("workflows/views.py", "workflows/services/webhook.py"):
        for groups in _ERROR.findall((ROOT / path).read_text()):
            name = next(filter(None, groups))
            assert f'"{name}"' in manual, f"docs/api.md does not know {name}"


def test_every_decision_has_a_number_of_its_own():
    numbers = [page.name[:4] for page in (ROOT / "docs" / "adr").glob("*.md")]
    assert len(numbers) == len(set(numbers))


def test_every_guarantee_names_tests_that_exist():
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "guarantees.md").read_text()))
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    written = set(re.findall(r"def (test_\w+)\(", sources))
    assert len(named) > 20
    assert named <= written
