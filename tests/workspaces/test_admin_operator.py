from __future__ import annotations

import pytest
from django.contrib import admin
from django.urls import reverse

from isflow.workspaces.scoped_admin import ScopedAdmin
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_an_operator_who_is_no_member_is_refused_rows_of_workspaces(client, page):
    client.force_login(
        make_user("root@example.org", is_superuser=True, is_staff=True),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    for model, one in admin.site._registry.items():
        if isinstance(one, ScopedAdmin):
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
            assert client.get(reverse(name, args=[1]), follow=True).status_code == 403, name
