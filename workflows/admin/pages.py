"""Read-only pages that are drawn by a template of their own instead of a form."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from workflows.admin.paging import EndlessAdmin, row_id

M = TypeVar("M", bound=models.Model)


class PageAdmin(EndlessAdmin[M]):
    """The page of one row; its template gets what ``page_context`` returns."""

    page_template: str = ""

    @abstractmethod
    def page_context(self, request: HttpRequest, row: M) -> dict[str, Any]:
        """What the template needs besides ``row`` and ``title``."""

    def row(self, request: HttpRequest, object_id: str | int) -> M:
        """The row, for whoever may see it."""
        found: M | None = self.get_queryset(request).filter(pk=row_id(str(object_id))).first()
        if found is None:
            raise Http404
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        return found

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Draw the page; nothing is added or changed here."""
        if request.method not in {"GET", "HEAD"} or object_id is None:
            raise PermissionDenied
        row = self.row(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": str(row),
            "opts": self.opts,
            "row": row,
            "has_view_permission": True,
            **self.page_context(request, row),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.page_template, context)
