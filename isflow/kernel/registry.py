"""A named table of plug-in classes, filled by decorators and found by folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")
Class = TypeVar("Class", bound=type[Any])


class DuplicateKeyError(Exception):
    """Two different classes ask for the same key."""


class UnknownKeyError(KeyError):
    """No class is registered under the key."""

    def __init__(self, registry: str, key: str, known: list[str]) -> None:
        self.message = f"Unknown {registry} “{key}”. Known: {', '.join(known) or 'none'}."
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class Registry(Generic[T]):
    """The classes of one kind of plug-in by key; iteration is in order of keys."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._classes: dict[str, type[T]] = {}

    def register(self, key: str) -> Callable[[Class], Class]:
        """Return a class decorator that stores the class and sets its ``key``; refuses a taken key."""

        def decorate(cls: Class) -> Class:
            known = self._classes.get(key)
            # A reloaded module brings the same class again as a new object; that is no clash.
            if known is not None and _origin(known) != _origin(cls):
                raise DuplicateKeyError(f"{self.name} “{key}” is both {_origin(known)} and {_origin(cls)}")
            setattr(cls, "key", key)  # noqa: B010 - mypy knows no such attribute on a bare type
            self._classes[key] = cls
            return cls

        return decorate

    def unregister(self, key: str) -> None:
        """Forget a key, if it is there; meant for tests."""
        self._classes.pop(key, None)

    def get(self, key: str) -> type[T]:
        """Return the class under a key or raise UnknownKeyError."""
        try:
            return self._classes[key]
        except KeyError:
            raise UnknownKeyError(self.name, key, list(self)) from None

    def items(self) -> list[tuple[str, type[T]]]:
        """Return key and class of every entry in order of keys."""
        return sorted(self._classes.items(), key=lambda item: item[0])

    def discover(self, package: str) -> None:
        """Import every module directly in a package, except those whose name begins with ``_``."""
        folder = importlib.import_module(package)
        for module in pkgutil.iter_modules(folder.__path__):
            if not module.name.startswith("_"):
                importlib.import_module(f"{package}.{module.name}")

    def __contains__(self, key: object) -> bool:
        return key in self._classes

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._classes))

    def __len__(self) -> int:
        return len(self._classes)


def _origin(cls: object) -> str:
    named = cast("type[Any]", cls)
    return f"{named.__module__}.{named.__qualname__}"
