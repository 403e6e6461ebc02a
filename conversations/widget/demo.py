"""A shop that does not exist, with the chat widget on its page; only where the operator asks for a demo."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from channels_app.models import Channel
from conversations.widget.accounts import KIND
from isflow.workspaces.guards import public_view
from isflow.workspaces.scope import all_workspaces

CHANNEL_NAME: Final = "Website chat"

PRODUCTS: Final = (
    ("Harbour 7", "Town and station, seven gears", "€ 890", "a"),
    ("Longtail", "Two children and the shopping", "€ 2,490", "b"),
    ("Fieldway", "Gravel, commuting, weekends away", "€ 1,640", "c"),
    ("Featherlight", "Ten kilos, up every hill", "€ 1,980", "d"),
)


@require_GET
@public_view("a made-up page without data; it exists only in demo installations")
def shop(request: HttpRequest) -> HttpResponse:
    """The shop's page."""
    if not (settings.DEBUG or settings.ISFLOW_DEMO):
        raise Http404
    with all_workspaces():
        channels = Channel.objects.filter(kind=KIND).exclude(status=Channel.Status.DISCONNECTED)
        channel = channels.filter(name=CHANNEL_NAME).order_by("pk").first() or channels.order_by("pk").first()
    return render(request, "widget/demo.html", {"channel": channel, "products": PRODUCTS})
