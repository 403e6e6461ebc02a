from __future__ import annotations

import sys

import pytest

from isflow.kernel.registry import DuplicateKeyError, Registry, UnknownKeyError


class Animal:
    pass


def test_a_registered_class_is_found_and_knows_its_key():
    animals = Registry[Animal]("animal")

    @animals.register("dog")
    class Dog(Animal):
        pass

    assert animals.get("dog") is Dog
    assert Dog.key == "dog"
    assert "dog" in animals
    assert "cat" not in animals
    assert len(animals) == 1


def test_iteration_is_in_order_of_keys():
    animals = Registry[Animal]("animal")
    for key in ("owl", "ant", "elk"):
        animals.register(key)(type(key, (Animal,), {}))

    assert list(animals) == ["ant", "elk", "owl"]
    assert [key for key, _ in animals.items()] == ["ant", "elk", "owl"]


def test_an_unknown_key_is_named_together_with_the_known_ones():
    animals = Registry[Animal]("animal")
    animals.register("dog")(type("Dog", (Animal,), {}))

    with pytest.raises(UnknownKeyError) as caught:
        animals.get("cat")

    assert isinstance(caught.value, KeyError)
    assert str(caught.value) == "Unknown animal “cat”. Known: dog."


def test_a_taken_key_is_refused_but_the_same_class_may_come_again():
    animals = Registry[Animal]("animal")
    first = animals.register("dog")(type("Dog", (Animal,), {"__module__": "zoo"}))
    again = animals.register("dog")(type("Dog", (Animal,), {"__module__": "zoo"}))

    with pytest.raises(DuplicateKeyError, match="dog"):
        animals.register("dog")(type("Wolf", (Animal,), {"__module__": "zoo"}))

    assert first is not again
    assert animals.get("dog") is again


def test_unregister_forgets_a_key_and_forgives_an_absent_one():
    animals = Registry[Animal]("animal")
    animals.register("dog")(type("Dog", (Animal,), {}))

    animals.unregister("dog")
    animals.unregister("dog")

    assert list(animals) == []


def test_discover_imports_a_folder_but_no_private_module(tmp_path, monkeypatch):
    folder = tmp_path / "zoo_of_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "dog.py").write_text("")
    (folder / "_cage.py").write_text("raise RuntimeError('must stay shut')")
    monkeypatch.syspath_prepend(str(tmp_path))

    Registry[Animal]("animal").discover("zoo_of_test")

    assert "zoo_of_test.dog" in sys.modules
    assert "zoo_of_test._cage" not in sys.modules
