from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from isflow.infra.csp import PathCSPMiddleware


def policy(path):
    response = PathCSPMiddleware(lambda _: HttpResponse())(RequestFactory().get(path))
    header = response["Content-Security-Policy"]
    return {name: set(values) for name, *values in (part.split() for part in header.split(";"))}


@pytest.mark.parametrize(
    "path",
    ["/", "/w/acme/inbox/", "/accounts/login/", "/admin/workflows/workflow/7/builder/", "/administrator/"],
)
def test_our_own_pages_run_only_our_own_scripts(path):
    directives = policy(path)
    assert directives["script-src"] == {"'self'"}
    assert directives["style-src"] == {"'self'"}
    assert directives["object-src"] == {"'none'"}
    assert directives["frame-ancestors"] == {"'none'"}


def test_the_admin_theme_may_evaluate_and_style_itself():
    directives = policy("/admin/contacts/contact/")
    assert directives["script-src"] == {"'self'", "'unsafe-eval'"}
    assert directives["style-src"] == {"'self'", "'unsafe-inline'"}
    assert directives["object-src"] == {"'none'"}
