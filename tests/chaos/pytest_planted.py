"""A pytest plugin that plants the bug named by ISFLOW_PLANTED: ``pytest -p tests.chaos.pytest_planted``."""

from __future__ import annotations

from importlib import import_module

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_finish():
    import_module("tests.chaos.planted").plant()
