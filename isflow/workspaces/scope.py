"""Workspaces are walls: a query on a workspace's rows outside a scope raises.

Doors enter a scope once (middleware, socket, worker); everything below simply queries.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ClassVar, Self, TypeVar

from django.db import models, transaction

_EVERY = -1
_scope: ContextVar[int | None] = ContextVar("isflow_workspace", default=None)

_M = TypeVar("_M", bound=models.Model)


class ScopeError(RuntimeError):
    """Rows of a workspace were queried without saying which workspace."""


@contextmanager
def workspace_scope(workspace_id: int) -> Iterator[None]:
    """Limit every query on scoped models to one workspace while the block runs."""
    token = _scope.set(workspace_id)
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def all_workspaces() -> Iterator[None]:
    """Lift the wall for maintenance that serves every workspace (sweeps, claims, operator pages)."""
    token = _scope.set(_EVERY)
    try:
        yield
    finally:
        _scope.reset(token)


def current_workspace_id() -> int:
    """Id of the workspace in scope; ScopeError if there is none or the wall is lifted."""
    scope = _scope.get()
    if scope is None or scope == _EVERY:
        raise ScopeError("No workspace in scope. Enter workspace_scope(workspace_id) first.")
    return scope


def scope_or_none() -> int | None:
    """Return the workspace in scope, or None where there is none or the wall is lifted."""
    scope = _scope.get()
    return None if scope == _EVERY else scope


class ScopedManager(models.Manager[_M]):
    """Refuses to query outside a scope and adds the workspace to every query inside one."""

    def get_queryset(self) -> models.QuerySet[_M]:
        scope = _scope.get()
        if scope is None:
            raise ScopeError(f"{self.model.__name__} was queried outside workspace_scope().")
        queryset = super().get_queryset()
        return queryset if scope == _EVERY else queryset.filter(workspace_id=scope)


class ScopedModel(models.Model):
    """Base of every row that a workspace owns."""

    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE, related_name="+")

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        abstract = True


class EventfulModel(ScopedModel):
    """A scoped model whose changes fire triggers.

    A plain ``save()`` in autocommit sends ``post_save`` after the row is committed; here row and
    receivers share one transaction, so that an event is never lost and never written for nothing.
    """

    class Meta:
        abstract = True

    def save(self, *args: object, **kwargs: object) -> None:
        with transaction.atomic():
            super().save(*args, **kwargs)  # type: ignore[arg-type]

    def delete(self, *args: object, **kwargs: object) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            return super().delete(*args, **kwargs)  # type: ignore[arg-type]
