"""Filters whose choices are known beforehand, so that no long table is searched for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from workflows.admin import words
from workflows.models import ACTIVE, Run, Workflow

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise


class StateFilter(SimpleListFilter):
    """Status of a run; besides the stored ones, all that are not over."""

    title = _("status")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, _StrOrPromise]]:  # noqa: ARG002
        return [("active", _("Active")), *Run.Status.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        value = self.value()
        if value == "active":
            return queryset.filter(status__in=ACTIVE)
        return queryset.filter(status=value) if value else queryset


class EndReasonFilter(SimpleListFilter):
    """Why a run ended."""

    title = _("end reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, _StrOrPromise]]:  # noqa: ARG002
        return words.SHORT_END_REASONS.items()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        value = self.value()
        if not value:
            return queryset
        # Only ended runs have a reason; said aloud, their index can be used.
        ended = queryset.filter(status=Run.Status.ENDED)
        if value == words.NO_NEXT_STEP:
            return ended.filter(end_reason__startswith=f"{value}:")
        return ended.filter(end_reason=value)


class KindFilter(SimpleListFilter):
    """What kind of event it is."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, _StrOrPromise]]:  # noqa: ARG002
        return words.EVENT_KINDS.items()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        value = self.value()
        return queryset.filter(kind=value) if value else queryset


class SourceFilter(SimpleListFilter):
    """Who caused it."""

    title = _("source")
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, _StrOrPromise]]:  # noqa: ARG002
        return words.SOURCES.items()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        value = self.value()
        return queryset.filter(source=value) if value else queryset


class WorkflowFilter(SimpleListFilter):
    """Which workflow it belongs to; their definitions are not loaded for it."""

    title = _("workflow")
    parameter_name = "workflow"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, _StrOrPromise]]:  # noqa: ARG002
        rows = Workflow.objects.order_by("name").values_list("pk", "name")
        return [(str(pk), name) for pk, name in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        known = {key for key, _name in self.lookup_choices}
        value = self.value()
        if not value:
            return queryset
        return queryset.filter(workflow=int(value)) if value in known else queryset.none()
