"""Queries whose SQL is made once: building it anew costs more than asking the database.

A prepared query is an ordinary one in which ``Given("name")`` stands for a value, and
``Among("field", "name")`` for the condition that a column holds one of a list. It asks no manager, as what
was made in one workspace runs in another: it names the workspace, or says that it is for all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import BooleanField, Expression, F, Model, QuerySet
from django.db.models.query import get_related_populators
from django.db.models.sql.compiler import SQLCompiler

_Row = TypeVar("_Row")
_M = TypeVar("_M", bound=Model)


def every(model: type[_M]) -> QuerySet[_M]:
    """Return the rows of all workspaces, for a prepared query to choose from."""
    return model._base_manager.all()  # noqa: SLF001 - no scope: the query outlives it


class Given(Expression):
    """A value that is named each time the query runs."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> Any:  # noqa: ARG002 - Django's signature
        return "%s", [self]


class Among(Expression):
    """The condition that a column holds one of the values of a list; an empty list finds nothing."""

    conditional = True

    def __init__(self, field: str, name: str) -> None:
        super().__init__(output_field=BooleanField())
        self._column: Expression | F = F(field)
        self._given = Given(name)

    def get_source_expressions(self) -> list[Any]:
        return [self._column]

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        (self._column,) = exprs

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> Any:
        column, params = compiler.compile(self._column)  # type: ignore[arg-type]
        values = "= ANY(%s)" if connection.vendor == "postgresql" else "IN (SELECT value FROM json_each(%s))"
        return f"{column} {values}", [*params, self._given]


class Prepared(Generic[_Row]):
    """A query, made when it is first asked for: rows as instances, or as tuples after ``values_list()``."""

    def __init__(self, make: Callable[[], QuerySet[Any, _Row]]) -> None:
        self._make = make
        self._query: _Query | None = None

    def __call__(self, **given: Any) -> list[_Row]:
        """Run the query with these values and return all rows."""
        query = self._query
        if query is None:
            # Two threads may both make it; they make the same.
            query = self._query = _Query.of(self._make())
        values = [_prepared(given[one.name]) if isinstance(one, Given) else one for one in query.params]
        with connection.cursor() as cursor:
            cursor.execute(query.sql, values)
            return query.read(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class _Query:
    """SQL, its parameters, and how a row of the database becomes one of ours: as Django's iterables do it."""

    sql: str
    params: Sequence[Any]
    converters: Sequence[tuple[int, Sequence[Callable[..., Any]], Any]]
    model: Any
    first: int
    fields: Sequence[str]
    related: Sequence[Any]

    @classmethod
    def of(cls, rows: QuerySet[Any, Any]) -> _Query:
        compiler = rows.query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        select = compiler.select or []
        found = compiler.get_converters([one[0] for one in select])
        converters = [(place, converters, column) for place, (converters, column) in found.items()]
        info = compiler.klass_info
        if info is None or getattr(rows, "_fields", None) is not None:
            return cls(sql, params, converters, None, 0, (), ())
        places = info["select_fields"]
        fields = [select[place][0].target.attname for place in places]
        related = get_related_populators(info, select, connection.alias)  # type: ignore[call-arg]
        return cls(sql, params, converters, info["model"], places[0], fields, related)

    def read(self, rows: Iterable[Sequence[Any]]) -> list[Any]:
        if self.converters:
            rows = [self._converted(row) for row in rows]
        if self.model is None:
            return [tuple(row) for row in rows]
        return [self._instance(row) for row in rows]

    def _converted(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for place, converters, column in self.converters:
            for converter in converters:
                values[place] = converter(values[place], column, connection)
        return values

    def _instance(self, row: Sequence[Any]) -> Any:
        values = row[self.first : self.first + len(self.fields)]
        one = self.model.from_db(connection.alias, self.fields, values)
        for related in self.related:
            related.populate(row, one)
        return one


def _prepared(value: Any) -> Any:
    """Return a value as the database takes it."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        return list(value) if connection.vendor == "postgresql" else json.dumps(list(value))
    return value
