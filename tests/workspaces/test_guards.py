from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.template import engines
from django.template.response import SimpleTemplateResponse
from django.test import RequestFactory
from django.urls import path

from isflow.kernel.actor import current_actor
from isflow.workspaces import checks
from isflow.workspaces.access import Permission
from isflow.workspaces.checks import check_sockets, check_views, views_of
from isflow.workspaces.guards import login_view, public_view, workspace_view
from isflow.workspaces.scope import ScopeError, current_workspace_id
from tests.factories import make_member, make_workspace


def bare(request):
    return HttpResponse()


def test_every_view_and_socket_says_who_may_use_it():
    assert check_views() == []
    assert check_sockets() == []


@pytest.mark.rule("DS9.declared_permission")
def test_a_view_without_a_guard_fails_the_check(monkeypatch):
    patterns = [path("a/", bare), path("b/", public_view("a test")(lambda _request: HttpResponse()))]
    monkeypatch.setattr(checks, "get_resolver", lambda: type("Resolver", (), {"url_patterns": patterns}))
    (error,) = check_views()
    assert (error.id, "a/" in error.msg) == ("isflow.E010", True)


def test_a_class_declares_for_its_view(monkeypatch):
    class Api:
        declared_access = "token"

    def view(request):
        return HttpResponse()

    view.cls = Api
    assert checks.access_of(view) == "token"


def test_a_socket_without_a_guard_fails_the_check(monkeypatch):
    monkeypatch.setattr(checks, "import_string", lambda _name: [path("ws/", bare)])
    (error,) = check_sockets()
    assert error.id == "isflow.E010"


def test_declarations_name_the_permission():
    guarded = workspace_view(Permission.INBOX_VIEW)(bare)
    assert guarded.declared_access == "workspace: inbox.view"
    assert login_view(bare).declared_access == "login"
    assert list(views_of([path("x/", guarded)])) == [("x/", guarded)]


@pytest.mark.django_db
def test_a_view_and_its_lazy_template_run_in_the_scope_as_the_user():
    member = make_member(make_workspace())
    seen = []

    @workspace_view(Permission.INBOX_VIEW)
    def view(request, number):
        actor = current_actor()
        seen.append((current_workspace_id(), actor.source, actor.user_id, request.membership.pk, number))
        template = engines["django"].from_string("{{ late }}")
        return SimpleTemplateResponse(template, {"late": current_workspace_id})

    request = RequestFactory().get("/")
    request.user = member.user
    request.session = {}
    response = view(request, slug="acme", number=3)
    assert response.content.decode() == str(member.workspace_id)
    assert seen == [(member.workspace_id, "user", member.user_id, member.pk, 3)]
    assert current_actor().source == "system"
    with pytest.raises(ScopeError):
        current_workspace_id()
