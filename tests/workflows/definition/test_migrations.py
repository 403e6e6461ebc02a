from __future__ import annotations

import pytest

from isflow.kernel.errors import Rejected
from workflows.definition.migrations import FORMAT, MIGRATIONS, migrate


def rename(document):
    return {**document, "steps": document["nodes"]}


def drop(document):
    return {key: value for key, value in document.items() if key != "nodes"}


def test_migrations_are_applied_one_after_the_other():
    old = {"format": 1, "nodes": {"a": 1}}
    assert migrate(old, {1: rename, 2: drop}, to=3) == {"format": 3, "steps": {"a": 1}}
    assert old == {"format": 1, "nodes": {"a": 1}}


def test_there_is_one_migration_for_every_older_format():
    assert set(MIGRATIONS) == set(range(1, FORMAT))


def test_a_document_of_today_is_left_as_it_is():
    assert migrate({"format": FORMAT, "a": 1}) == {"format": FORMAT, "a": 1}


@pytest.mark.parametrize("number", [None, "1", True, 0, FORMAT + 1, 1.0])
def test_formats_nobody_knows_are_refused(number):
    with pytest.raises(Rejected):
        migrate({"format": number})
