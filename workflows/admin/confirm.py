"""A page that says what is about to happen, and the button that makes it happen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from isflow.kernel.errors import DomainError
from workflows.admin.documents import issue_lines
from workflows.services import InvalidDefinition


@dataclass(frozen=True)
class Step:
    """A way on that is offered when the thing itself cannot be done."""

    label: str
    url: str


@dataclass(frozen=True)
class Confirmation:
    """What the page says. ``obstacles``: why it cannot be done, which hides the button."""

    title: str
    lines: Sequence[str]
    button: str
    back_url: str
    is_dangerous: bool = False
    heading: str = ""
    obstacles: Sequence[str] = field(default_factory=tuple)
    instead: Step | None = None


def confirmed(
    admin: ModelAdmin[Any],
    request: HttpRequest,
    page: Confirmation,
    act: Callable[[], str],
    *,
    next_url: str,
) -> HttpResponse:
    """Show the page; when its button was pressed do it, say so and go on, or show why not.

    ``act`` returns the sentence that tells of the success.
    """
    obstacles = list(page.obstacles)
    heading = page.heading
    if request.method == "POST" and not obstacles:
        try:
            said = act()
        except InvalidDefinition as error:
            heading, obstacles = _("The definition has errors."), issue_lines(error.issues)
        except DomainError as error:  # a conflict too: somebody may act between our reading and doing
            heading, obstacles = "", error.message.split("\n")
        else:
            messages.success(request, said)
            return redirect(next_url)
    context = {
        **admin.admin_site.each_context(request),
        "title": page.title,
        "opts": admin.opts,
        "page": page,
        "heading": heading,
        "obstacles": obstacles,
        "has_view_permission": True,
    }
    request.current_app = admin.admin_site.name
    return TemplateResponse(
        request, "admin/workflows/confirm.html", context, status=409 if obstacles and request.POST else 200
    )
