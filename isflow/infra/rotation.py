"""Encrypt all stored secrets again with the first key, so that older keys can be thrown away."""

from __future__ import annotations

from dataclasses import dataclass

from django.apps import apps
from django.db.models import Field, Model, QuerySet, TextField, Value
from django.db.models.functions import Cast

from isflow.infra.crypto import DecryptionError, current_prefix, rotate
from isflow.infra.fields import EncryptedJSONField, EncryptedTextField


@dataclass(frozen=True)
class Rotation:
    """What was done: how many secrets changed, and the places (model.field:id) that could not be read."""

    changed: int
    unreadable: tuple[str, ...]


def rotate_all(batch: int = 500) -> Rotation:
    """Rotate every encrypted column of every model, ``batch`` rows at a time.

    It may be stopped at any point and run again; rows that others change meanwhile are left to them.
    """
    changed = 0
    unreadable: list[str] = []
    for model in apps.get_models():
        if model._meta.proxy or not model._meta.managed:  # noqa: SLF001
            continue
        for field in model._meta.local_concrete_fields:  # noqa: SLF001
            if isinstance(field, EncryptedTextField | EncryptedJSONField):
                count, broken = _rotate_column(model, field, batch)
                changed += count
                unreadable += broken
    return Rotation(changed, tuple(unreadable))


def _rotate_column(model: type[Model], field: Field[str, str], batch: int) -> tuple[int, list[str]]:
    """Rotate one column, walking along the primary key."""
    # Not the model's manager: that one shows a single workspace.
    stale: QuerySet[Model] = (
        QuerySet(model)
        .annotate(stored_text=Cast(field.name, TextField()))
        .filter(stored_text__gt="")
        .exclude(stored_text__startswith=current_prefix())
    )
    changed = 0
    broken: list[str] = []
    rows = list(stale.order_by("pk").values_list("pk", "stored_text")[:batch])
    while rows:
        for pk, text in rows:
            try:
                value = Value(rotate(text), output_field=TextField())
            except DecryptionError:
                broken.append(f"{model._meta.label}.{field.name}:{pk}")  # noqa: SLF001
                continue
            changed += stale.filter(pk=pk, stored_text=text).update(**{field.name: value})
        rows = list(stale.filter(pk__gt=rows[-1][0]).order_by("pk").values_list("pk", "stored_text")[:batch])
    return changed, broken
