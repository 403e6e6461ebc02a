"""Lists of tables that grow without end: nothing is counted, and people are found by their contact."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from django.contrib.admin import ShowFacets
from django.db import models
from django.db.models import Func, Q, QuerySet
from django.http import HttpRequest

from contacts.selectors import contact_search
from isflow.workspaces.scoped_admin import ReadOnlyAdmin
from workflows.admin.endless import EndlessChangeList

M = TypeVar("M", bound=models.Model)

MAX_PEOPLE = 500
"""A search that finds more people than this looks at the newest of them."""
MAX_WORDS = 8
MAX_DIGITS = 19


def row_id(text: str | None) -> int:
    """The id that a text stands for, or 0, which no row has."""
    is_id = text is not None and text.isascii() and text.isdigit() and len(text) < MAX_DIGITS
    return int(text or 0) if is_id else 0


class EndlessAdmin(ReadOnlyAdmin[M]):
    """A list, newest first, that is never counted.

    ``contact_path``: the lookup that leads to the contact's id. ``id_fields``: what a number may mean too.
    ``age``: the negative id as an expression, where indexes for this list are made of it.
    """

    age: ClassVar[Func[Any] | None] = None
    contact_path: ClassVar[str] = "contact"
    id_fields: ClassVar[tuple[str, ...]] = ("pk",)
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # each would be a count
    sortable_by = ()
    list_per_page = 50
    ordering = ("-pk",)
    search_fields = ("pk",)  # shows the box; the search itself is below

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[EndlessChangeList]:  # noqa: ARG002
        """The class that takes the rows of a page."""
        return EndlessChangeList

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Any],
        search_term: str,
    ) -> tuple[QuerySet[Any], bool]:
        """Rows of people whose name, e-mail address or phone number is meant, or that have this number."""
        words = " ".join(search_term.replace("\0", " ").split()[:MAX_WORDS])
        if not words:
            return queryset, False
        people = contact_search(words).order_by("-pk").values_list("pk", flat=True)[:MAX_PEOPLE]
        wanted = Q(**{f"{self.contact_path}__in": list(people)})
        number = row_id(words.removeprefix("#"))
        if number:
            wanted |= Q(**{self.contact_path: number})
            for name in self.id_fields:
                wanted |= Q(**{name: number})
        return queryset.filter(wanted), False
