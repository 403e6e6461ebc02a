"""Database helpers that work alike on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import Field, Model

MAX_PARAMETERS = 32_766
"""How many values one statement may carry; SQLite's limit, far below PostgreSQL's."""


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
    prepared = [[f.get_db_prep_save(v, connection) for f, v in zip(bound, row, strict=True)] for row in rows]
    fixed, fixed_values = _fixed_conditions(model, where or {})
    size = max(1, (MAX_PARAMETERS - len(fixed_values)) // len(bound))
    changed: list[Any] = []
    for start in range(0, len(prepared), size):
        chunk = prepared[start : start + size]
        sql = _update_sql(meta.db_table, bound, len(fence) + 1, len(chunk), fixed)
        values = [value for row in chunk for value in row]
        with connection.cursor() as cursor:
            cursor.execute(sql, [*values, *fixed_values])
            changed.extend(bound[0].to_python(key) for (key,) in cursor.fetchall())
    return changed


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


def _update_sql(table: str, columns: Sequence[Field[Any, Any]], keys: int, rows: int, fixed: str) -> str:
    """Return ``UPDATE ... FROM (VALUES ...)``; the first ``keys`` columns find a row."""
    quote = connection.ops.quote_name
    target = quote(table)
    names = [quote(_column(column)) for column in columns]
    plain = f"({', '.join(['%s'] * len(names))})"
    # Only the first tuple needs casts: it settles the column types of the whole VALUES list.
    first = f"({', '.join(f'%s{_cast(column)}' for column in columns)})"
    values = ", ".join([first, *[plain] * (rows - 1)])
    aliases = ", ".join(f"c{n}" for n in range(len(names)))
    sets = ", ".join(f"{name} = v.c{n}" for n, name in enumerate(names) if n >= keys)
    match = " AND ".join(f"{target}.{name} = v.c{n}" for n, name in enumerate(names[:keys]))
    return (
        f"WITH v({aliases}) AS (VALUES {values}) "  # noqa: S608 - quoted identifiers and placeholders only
        f"UPDATE {target} SET {sets} FROM v WHERE {match}{fixed} RETURNING {target}.{names[0]}"
    )


def _column(field: Field[Any, Any]) -> str:
    """Return the name of a field's column; a field without one raises TypeError."""
    if field.column is None:
        raise TypeError("update_many() takes columns only.")
    return field.column


def _cast(column: Field[Any, Any]) -> str:
    """Return the cast PostgreSQL needs for this column, without a length: that would cut silently."""
    if not is_postgres():
        return ""
    kind = column.db_type(connection) or "text"
    return "::varchar" if kind.startswith("varchar") else f"::{kind}"
