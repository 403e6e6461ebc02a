from __future__ import annotations

import pytest
from django.apps import apps
from django.db import models

from isflow.workspaces.models import Team
from isflow.workspaces.scope import (
    ScopedModel,
    ScopeError,
    all_workspaces,
    current_workspace_id,
    scope_or_none,
    workspace_scope,
)
from tests.factories import make_team, make_workspace

OURS = ("workspaces", "channels_app", "contacts", "conversations", "workflows")
PLAIN = {"AuditEntry"}
"""Models with a workspace that may be empty; their pages filter by hand."""


def own_models():
    return [model for label in OURS for model in apps.get_app_config(label).get_models()]


def with_workspace():
    return [model for model in own_models() if any(field.name == "workspace" for field in model._meta.fields)]


@pytest.mark.rule("DS9.scope")
@pytest.mark.parametrize("model", with_workspace(), ids=lambda model: model.__name__)
def test_rows_of_a_workspace_are_never_queried_outside_a_scope(model):
    if model.__name__ in PLAIN:
        return
    assert issubclass(model, ScopedModel)
    for query in (model.objects.all, model.objects.count, lambda: model.objects.filter(pk=1).exists()):
        with pytest.raises(ScopeError):
            query()


@pytest.mark.parametrize("model", with_workspace(), ids=lambda model: model.__name__)
def test_every_manager_adds_the_workspace_to_the_query(model):
    if model.__name__ in PLAIN:
        return
    with workspace_scope(7):
        for manager in model._meta.managers:
            where = str(manager.all().query)
            assert f'"{model._meta.db_table}"."workspace_id" = 7' in where, manager.name


def test_a_scoped_model_is_reached_by_no_unscoped_default_manager():
    for model in own_models():
        if issubclass(model, ScopedModel):
            assert isinstance(model._default_manager, models.Manager)
            with pytest.raises(ScopeError):
                model._default_manager.all()


@pytest.mark.rule("DS9.scope")
@pytest.mark.django_db
def test_one_workspace_does_not_see_another_s_rows():
    one, two = make_workspace("one"), make_workspace("two")
    mine, other = make_team(one), make_team(two)
    with workspace_scope(one.pk):
        assert list(Team.objects.all()) == [mine]
        assert not Team.objects.filter(pk=other.pk).update(name="x")
    with all_workspaces():
        assert Team.objects.count() == 2


def test_scopes_nest_and_end():
    assert scope_or_none() is None
    with workspace_scope(1):
        with workspace_scope(2):
            assert current_workspace_id() == 2
        assert current_workspace_id() == 1
        with all_workspaces(), pytest.raises(ScopeError):
            current_workspace_id()
    with pytest.raises(ScopeError):
        current_workspace_id()
