"""Bases of all our admin pages: rows of one workspace for its managers, system rows for the operator."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from django.contrib.admin import ModelAdmin as DjangoModelAdmin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import BaseFormSet, ModelChoiceField, ModelForm
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from isflow.workspaces.access import Permission, allowed
from isflow.workspaces.admin_site import membership_of
from isflow.workspaces.models import Membership, User

M = TypeVar("M", bound=models.Model)


class ScopedAdmin(ModelAdmin, Generic[M]):
    """Pages over one workspace's rows; the site has entered its scope before any method runs.

    The model has a ``workspace``; it is never shown and set on save. Permissions are looked up in the table.
    """

    view_permission: ClassVar[Permission] = Permission.SETTINGS_VIEW
    edit_permission: ClassVar[Permission | None] = Permission.SETTINGS_EDIT
    delete_permission: ClassVar[Permission | None] = Permission.SETTINGS_EDIT
    """``None`` forbids it to everybody."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _may(request, self.view_permission)

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return _may(request, self.view_permission) and _is_own(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _may(request, self.edit_permission)

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return _may(request, self.edit_permission) and _is_own(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return _may(request, self.delete_permission) and _is_own(request, obj)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[M]:
        membership = membership_of(request)
        if membership is None:
            raise PermissionDenied  # an operator who is no member anywhere; there is no scope to read in
        rows: models.QuerySet[M] = super().get_queryset(request)
        # Said once more besides the scope: some models (the audit log) have a plain manager.
        return rows.filter(workspace_id=membership.workspace_id)

    def get_exclude(self, request: HttpRequest, obj: M | None = None) -> tuple[str, ...]:
        return (*(super().get_exclude(request, obj) or ()), "workspace")

    def get_form(
        self,
        request: HttpRequest,
        obj: M | None = None,
        change: bool = False,  # noqa: FBT001, FBT002
        **kwargs: Any,
    ) -> type[ModelForm[M]]:
        """Give the form its workspace, so that unique constraints with it are checked early."""
        form = super().get_form(request, obj, change, **kwargs)
        membership = membership_of(request)
        attributes = {"workspace_id": membership.workspace_id if membership else None}
        return type(form.__name__, (_ScopedForm, form), attributes)

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer rows of this workspace and its members only."""
        field: ModelChoiceField[Any] | None = super().formfield_for_foreignkey(db_field, request, **kwargs)
        membership = membership_of(request)
        if field is not None and membership is not None and db_field.related_model is User:
            field.queryset = User.objects.filter(memberships__workspace_id=membership.workspace_id)
        return field

    def save_formset(
        self,
        request: HttpRequest,
        form: ModelForm[M],  # noqa: ARG002
        formset: BaseFormSet[Any],
        change: bool,  # noqa: ARG002, FBT001
    ) -> None:
        """Save rows edited inline in the same workspace."""
        membership = membership_of(request)
        for row in formset.save(commit=False):  # type: ignore[attr-defined]
            if membership is not None and getattr(row, "workspace_id", 0) is None:
                row.workspace_id = membership.workspace_id
            row.save()
        for row in formset.deleted_objects:  # type: ignore[attr-defined]
            row.delete()
        formset.save_m2m()  # type: ignore[attr-defined]


class ReadOnlyAdmin(ScopedAdmin[M]):
    """Pages that only show a workspace's rows."""

    edit_permission: ClassVar[Permission | None] = None
    delete_permission: ClassVar[Permission | None] = None


class SystemAdmin(ModelAdmin, Generic[M]):
    """Pages over rows of the whole installation, for the operator alone."""

    serves_all_workspaces: ClassVar[bool] = True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _is_operator(request)

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:  # noqa: ARG002
        return _is_operator(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_operator(request)

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:  # noqa: ARG002
        return _is_operator(request)

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:  # noqa: ARG002
        return _is_operator(request)


class SystemReadOnlyAdmin(SystemAdmin[M]):
    """System rows that nobody edits by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:  # noqa: ARG002
        return False


class _ScopedForm:
    """Mixed into the form of a scoped page."""

    workspace_id: int | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        instance = getattr(self, "instance")  # noqa: B009 - comes from the form it is mixed into
        if instance.workspace_id is None:
            instance.workspace_id = self.workspace_id

    def _get_validation_exclusions(self) -> set[str]:
        exclusions: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return exclusions - {"workspace"}


def is_guarded(admin: DjangoModelAdmin[Any]) -> bool:
    """Say whether an admin page derives from one of our bases."""
    return isinstance(admin, (ScopedAdmin, SystemAdmin))


def _is_operator(request: HttpRequest) -> bool:
    return request.user.is_active and request.user.is_superuser


def _may(request: HttpRequest, permission: Permission | None) -> bool:
    membership: Membership | None = membership_of(request)
    return permission is not None and membership is not None and allowed(membership, permission)


def _is_own(request: HttpRequest, obj: models.Model | None) -> bool:
    membership = membership_of(request)
    return obj is None or (
        membership is not None and getattr(obj, "workspace_id", None) == membership.workspace_id
    )
