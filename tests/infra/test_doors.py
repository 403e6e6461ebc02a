from __future__ import annotations

import pytest
from django.http import JsonResponse
from django.test import Client
from django.urls import path, reverse

from isflow.infra.doors import DOORS


def seen(request, name):
    return JsonResponse(
        {
            "name": name,
            "view": request.resolver_match.view_name,
            "has": [part for part in ("user", "session", "csp_nonce", "htmx") if hasattr(request, part)],
        }
    )


def broken(request):
    raise RuntimeError("expected")


urlpatterns = [
    path("hooks/seen/<str:name>", seen, name="door"),
    path("hooks/broken", broken),
    path("page/<str:name>", seen, name="page"),
]


@pytest.mark.urls(__name__)
def test_a_door_passes_by_what_pages_need():
    answer = Client().get("/hooks/seen/shop", headers={"cookie": "sessionid=known"})
    assert answer.json() == {"name": "shop", "view": "door", "has": []}
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Length"] == str(len(answer.content))
    assert "Content-Security-Policy" not in answer
    page = Client().get("/page/shop")
    assert {"user", "session"} <= set(page.json()["has"])
    assert "Content-Security-Policy" in page


@pytest.mark.urls(__name__)
def test_what_goes_wrong_in_a_door_is_answered():
    client = Client(raise_request_exception=False)
    assert client.get("/hooks/unknown").status_code == 404
    assert client.get("/hooks/broken").status_code == 500


def test_the_doors_of_the_project_lie_there():
    addresses = [
        reverse("workflows:webhook", args=["workspace", "token"]),
        reverse("channel_hook", args=["token"]),
    ]
    assert all(address.startswith(DOORS) for address in addresses)
