"""Pages of a list that grows without end. A page begins at a row, so the last costs what the first does."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList

MAX_DIGITS = 18


class EndlessPaginator(InfinitePaginator):
    """Only draws the links; the rows are taken by ``EndlessChangeList``."""

    template_name = "admin/workflows/endless.html"


# The theme leaves out its counts for a paginator of this name.
EndlessPaginator.__name__ = InfinitePaginator.__name__


class EndlessChangeList(ChangeList):
    """Rows from the newest to the oldest, never counted.

    ``?p=7`` are the rows older than number 7, ``?p=-7`` those that are next newer than it. ``newer`` and
    ``older`` are the addresses of the pages beside this one, if there are any.
    """

    newer = ""
    older = ""

    def get_results(self, request: HttpRequest) -> None:
        """Take one row more than the page has, to know whether another page follows."""
        start = self._start(request)
        is_back = start < 0
        found = list(self._rows_from(start)[: self.list_per_page + 1])
        has_more = len(found) > self.list_per_page
        page = found[: self.list_per_page]
        if is_back:
            page.reverse()
        if page:
            self.newer = self._page(-page[0].pk) if (has_more if is_back else start) else ""
            self.older = self._page(page[-1].pk) if is_back or has_more else ""
        elif start:
            self.newer = self.get_query_string({PAGE_VAR: None})
        self._tell(page)

    def _rows_from(self, start: int) -> QuerySet[Any]:
        """The rows older than ``start``, or newer than ``-start``, those beside it first."""
        rows: QuerySet[Any] = self.queryset
        if self.model_admin.age is None:
            rows = rows.order_by("pk" if start < 0 else "-pk")
            newer, older = Q(pk__gt=-start), Q(pk__lt=start)
        else:
            rows = rows.annotate(age=self.model_admin.age).order_by("-age" if start < 0 else "age")
            newer, older = Q(age__lt=start), Q(age__gt=-start)
        if not start:
            return rows
        return rows.filter(newer if start < 0 else older)

    def _tell(self, page: list[Any]) -> None:
        """What Django's and the theme's templates ask for."""
        self.result_list = page
        self.result_count = len(page)
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = False
        self.multi_page = bool(self.newer or self.older)
        self.paginator = EndlessPaginator(page, self.list_per_page)

    def _page(self, start: int) -> str:
        address: str = self.get_query_string({PAGE_VAR: start})
        return address

    def _start(self, request: HttpRequest) -> int:
        text = request.GET.get(PAGE_VAR, "0")
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS):
            raise IncorrectLookupParameters
        return int(text)
