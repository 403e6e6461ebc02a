"""Database helpers that work alike on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import InterfaceError, InternalError, OperationalError, connection
from django.db.models import Field, Model

MAX_PARAMETERS = 32_766
"""How many values one statement may carry; SQLite's limit, far below PostgreSQL's."""

DATABASE_TROUBLE = (OperationalError, InterfaceError, InternalError)
"""Raised when the database, not the data, is at fault: it is gone, or cut us off because we stood still."""


def give_up_broken_connection() -> None:
    """After trouble: let the next statement find a new connection, should this thread's have broken.

    Django sees to that between requests and tasks only, and within transactions that it rolls back itself.
    """
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


def is_postgres() -> bool:
    """Say whether the default database is PostgreSQL (otherwise it is SQLite)."""
    return connection.vendor == "postgresql"


def require_atomic() -> None:
    """Raise RuntimeError unless the caller holds an open transaction."""
    if not connection.in_atomic_block:
        raise RuntimeError("This must run inside transaction.atomic().")


def compare_and_set(instance: Model, *, status_in: Iterable[str], **changes: Any) -> bool:
    """Write ``changes`` only if the row still has one of the expected statuses.

    One UPDATE decides; the loser of a race sees False and must not act.
    """
    rows = type(instance)._default_manager.filter(pk=instance.pk, status__in=tuple(status_in))  # noqa: SLF001
    if rows.update(**changes) != 1:
        return False
    for name, value in changes.items():
        setattr(instance, name, value)
    return True


def update_many(  # noqa: PLR0913 - the shape of one statement
    model: type[Model],
    key_field: str,
    fields: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    fence: Sequence[str] = (),
    where: Mapping[str, Any] | None = None,
) -> list[Any]:
    """Give many rows different values in one statement; return the keys of the rows that changed.

    Each row is ``(key, *fence values, *field values)``. A table row is changed only if it carries the key,
    exactly the given values in the ``fence`` columns (never None), and the ``where`` values that all rows
    share (None: is null). Values are plain Python values, never expressions. No manager is asked: the caller
    answers for the workspace. Beyond 32,766 values several statements are sent, so call it in a transaction.
    """
    meta = model._meta  # noqa: SLF001
    columns = [meta.get_field(name) for name in (key_field, *fence, *fields)]
    if not all(isinstance(column, Field) for column in columns):
        raise TypeError("update_many() takes columns only.")
    bound = [column for column in columns if isinstance(column, Field)]
    given = list(rows)
    fixed, fixed_values = _fixed_conditions(model, where or {})
    size = max(1, (MAX_PARAMETERS - len(fixed_values)) // len(bound))
    changed: list[Any] = []
    for start in range(0, len(given), size):
        prepared = _by_column(bound, given[start : start + size])
        source, values = _unnested(bound, prepared) if is_postgres() else _listed(prepared)
        sql = _update_sql(meta.db_table, bound, len(fence) + 1, source, fixed)
        with connection.cursor() as cursor:
            cursor.execute(sql, [*values, *fixed_values])
            changed.extend(bound[0].to_python(key) for (key,) in cursor.fetchall())
    return changed


def _by_column(columns: Sequence[Field[Any, Any]], rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return the rows' values as the database takes them, column by column."""
    turned = zip(*rows, strict=True)
    return [
        [column.get_db_prep_save(value, connection) for value in values]
        for column, values in zip(columns, turned, strict=True)
    ]


def _unnested(columns: Sequence[Field[Any, Any]], prepared: list[list[Any]]) -> tuple[str, list[Any]]:
    """Return a source of rows with one array for each column: placeholders cost time, and these are few."""
    arrays = ", ".join(f"%s::{_kind(column)}[]" for column in columns)
    return f"SELECT * FROM unnest({arrays})", prepared  # noqa: S608 - types and placeholders only


def _listed(prepared: list[list[Any]]) -> tuple[str, list[Any]]:
    """Return a source of rows with one placeholder for each value."""
    row = f"({', '.join(['%s'] * len(prepared))})"
    values = [value for row in zip(*prepared, strict=True) for value in row]
    return f"VALUES {', '.join([row] * len(prepared[0]))}", values


def _fixed_conditions(model: type[Model], where: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Return the SQL of the conditions all rows share, and its parameters."""
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)  # noqa: SLF001
    sql, values = "", []
    for name, value in where.items():
        field = model._meta.get_field(name)  # noqa: SLF001
        if not isinstance(field, Field):
            raise TypeError("update_many() takes columns only.")
        if value is None:
            sql += f" AND {table}.{quote(_column(field))} IS NULL"
        else:
            sql += f" AND {table}.{quote(_column(field))} = %s"
            values.append(field.get_db_prep_save(value, connection))
    return sql, values


def _update_sql(table: str, columns: Sequence[Field[Any, Any]], keys: int, source: str, fixed: str) -> str:
    """Return ``WITH v AS (...) UPDATE ... FROM v``; the first ``keys`` columns find a row."""
    quote = connection.ops.quote_name
    target = quote(table)
    names = [quote(_column(column)) for column in columns]
    aliases = ", ".join(f"c{n}" for n in range(len(names)))
    sets = ", ".join(f"{name} = v.c{n}" for n, name in enumerate(names) if n >= keys)
    match = " AND ".join(f"{target}.{name} = v.c{n}" for n, name in enumerate(names[:keys]))
    return (
        f"WITH v({aliases}) AS ({source}) "  # noqa: S608 - quoted identifiers and placeholders only
        f"UPDATE {target} SET {sets} FROM v WHERE {match}{fixed} RETURNING {target}.{names[0]}"
    )


def _column(field: Field[Any, Any]) -> str:
    """Return the name of a field's column; a field without one raises TypeError."""
    if field.column is None:
        raise TypeError("update_many() takes columns only.")
    return field.column


def _kind(column: Field[Any, Any]) -> str:
    """Return the column's type without a length: a cast to it would cut silently."""
    kind = column.db_type(connection) or "text"
    return "varchar" if kind.startswith("varchar") else kind
