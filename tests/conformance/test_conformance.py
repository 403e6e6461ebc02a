from __future__ import annotations

import ast

from tests.conformance import rules


def test_every_rule_said_to_work_has_a_test_and_every_test_names_a_known_rule():
    assert rules.load().faults == []


def test_the_page_is_what_the_generator_writes():
    assert rules.TABLE.read_text() == rules.table(rules.load()), "Run `make conformance`."


def test_marks_are_found_on_functions_and_parameters():
    source = '@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.rule("B"))])\n'
    source += '@pytest.mark.rule("A", "C")\ndef test_it(): ...'
    function = ast.parse(source).body[0]
    assert {one for node in function.decorator_list for one in rules._ids(node)} == {"A", "B", "C"}


def test_a_rule_without_test_is_a_fault():
    faults = list(rules._faults([rules.Rule("X.1", "s", "works", "t"), rules.Rule("X.1", "s", "soon", "t")]))
    assert len(faults) == 3
