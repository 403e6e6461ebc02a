from __future__ import annotations

from types import SimpleNamespace

from workflows.definition.graph import shape_of


def steps(**outlets):
    return {key: SimpleNamespace(outlets=dict(enumerate(targets))) for key, targets in outlets.items()}


def test_a_tree_has_one_way_to_each_step():
    shape = shape_of("a", steps(a=["b", "c"], b=[None], c=["d"], d=["gone"]))
    assert shape.reachable == {"a", "b", "c", "d"}
    assert shape.doubled == shape.circular == frozenset()
    assert shape.path_to("d") == [("a", 1), ("c", 0)]
    assert shape.path_to("d", "c") == [("c", 0)]
    assert shape.is_behind("d", "c")
    assert shape.is_behind("c", "c")
    assert not shape.is_behind("d", "b")


def test_faults_of_the_shape_are_found():
    shape = shape_of("a", steps(a=["b", "c"], b=["c"], c=[], d=["e"], e=["d"], f=[]))
    assert shape.doubled == {"c"}
    assert shape.circular == {"d", "e"}
    assert {"d", "e", "f"} & shape.reachable == set()


def test_a_way_back_to_the_root_is_a_second_way_and_a_circle():
    shape = shape_of("a", steps(a=["b"], b=["a"]))
    assert shape.doubled == {"a"}
    assert shape.circular == {"a", "b"}
    assert shape.path_to("b") == [("a", 0)]


def test_without_a_root_nothing_is_reachable():
    assert shape_of(None, steps(a=[])).reachable == frozenset()
    assert shape_of("gone", steps(a=[])).root == ""
