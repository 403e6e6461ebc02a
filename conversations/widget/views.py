"""The doors of the chat widget: its script, its frame, and the JSON behind the frame."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from channels_app.contract import InboundMessage
from channels_app.models import Channel
from conversations import inbound
from conversations.models import Message
from conversations.widget.accounts import channel_of_widget, look_of, origin_fits, origins_of
from conversations.widget.forms import MAX_BODY, MAX_TEXT, visitor_message
from conversations.widget.limits import (
    MESSAGES_PER_IP,
    MESSAGES_PER_VISITOR,
    SESSIONS_PER_IP,
    client_ip,
    within,
)
from conversations.widget.messages import (
    client_key,
    identity_of,
    message_for_visitor,
    messages_page,
    option_label,
)
from conversations.widget.tokens import visitor_address, visitor_token_issue
from isflow.kernel.actor import Actor, acting_as
from isflow.kernel.errors import DomainError, Rejected, Transient
from isflow.workspaces.guards import public_view
from isflow.workspaces.scope import workspace_scope

TOKEN_HEADER: Final = "X-Visitor-Token"  # noqa: S105 - the name of a header
SCRIPT_SECONDS: Final = 300
MAX_ID: Final = 2**63 - 1

ChannelView = Callable[[HttpRequest, Channel], HttpResponse]


def widget_view(view: ChannelView) -> Callable[..., HttpResponseBase]:
    """Find the channel by the token in the address (404 if unknown) and enter its workspace."""

    @wraps(view)
    def guarded(request: HttpRequest, token: str) -> HttpResponseBase:
        channel = channel_of_widget(token)
        if channel is None:
            raise Http404
        with workspace_scope(channel.workspace_id), acting_as(Actor(source="contact")):
            return view(request, channel)

    return public_view("the channel's token names the channel, the visitor's signed token the visitor")(
        guarded
    )


def json_view(view: ChannelView) -> Callable[..., HttpResponseBase]:
    """Make a widget view answer JSON: refusals become 4xx with ``message``, foreign pages are turned away."""

    @wraps(view)
    def answered(request: HttpRequest, channel: Channel) -> HttpResponse:
        own = f"{request.scheme}://{request.get_host()}"
        if not origin_fits(channel, request.headers.get("Origin"), own=own):
            return refusal(403, _("This chat does not belong to this page."))
        if request.method == "POST" and len(request.body) > MAX_BODY:
            return refusal(413, _("This is too much at once."))
        try:
            response = view(request, channel)
        except Rejected as error:
            return refusal(400, error.message)
        except DomainError as error:
            return refusal(409, error.message)
        patch_cache_control(response, no_store=True)
        return response

    # No cookie is looked at: the visitor's token comes in a header, which no foreign form can send.
    return csrf_exempt(widget_view(answered))


@require_GET
@widget_view
def script(request: HttpRequest, channel: Channel) -> HttpResponse:
    """The loader that a website embeds with one script tag."""
    look = look_of(channel)
    config = {
        "channel": channel.token,
        "origin": f"{request.scheme}://{request.get_host()}",
        "frame": reverse("widget_frame", args=[channel.token]),
        "title": look.title,
        "colour": look.colour,
        "ink": look.ink,
        "words": {"open": _("Open chat"), "close": _("Close chat")},
    }
    response = HttpResponse(
        loader_source().replace("(ISFLOW_CONFIG)", f"({json.dumps(config)})"),
        content_type="text/javascript; charset=utf-8",
    )
    # Any website loads it with a script tag.
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    patch_cache_control(response, public=True, max_age=SCRIPT_SECONDS)
    return response


@require_GET
@xframe_options_exempt
@widget_view
def frame(request: HttpRequest, channel: Channel) -> HttpResponse:
    """The chat itself, shown in a frame on pages of the allowed origins."""
    config = {
        "channel": channel.token,
        "base": reverse("widget_base", args=[channel.token]),
        "socket": f"/ws/widget/{channel.token}/",
        "title": look_of(channel).title,
        "limit": MAX_TEXT,
        "language": get_language() or "en",
        "words": frame_words(),
    }
    response = render(request, "widget/frame.html", {"look": look_of(channel), "config": config})
    listed = origins_of(channel)
    replaced = {"frame-ancestors": ["'self'", *listed] if listed else ["*"]}
    setattr(response, "_csp_replace", replaced)  # noqa: B010 - what csp_replace() does, but per channel
    return response


@require_POST
@json_view
def session(request: HttpRequest, channel: Channel) -> HttpResponse:
    """Give a new visitor a token."""
    if not within(SESSIONS_PER_IP, client_ip(request)):
        return too_many()
    return JsonResponse({"token": visitor_token_issue(channel_id=channel.pk)}, status=201)


@json_view
def messages(request: HttpRequest, channel: Channel) -> HttpResponse:
    """GET: what was said (``?after=`` or ``?before=`` an id). POST: say something."""
    if request.method not in {"GET", "POST"}:
        return refusal(405, _("Only GET and POST."))
    address = visitor_address(request.headers.get(TOKEN_HEADER), channel_id=channel.pk)
    if address is None:
        return refusal(401, _("Your session has ended."))
    if request.method == "GET":
        return read(request, channel, address)
    if not (
        within(MESSAGES_PER_VISITOR, f"{channel.pk}:{address}")
        and within(MESSAGES_PER_IP, client_ip(request))
    ):
        return too_many()
    return say(request, channel, address)


def read(request: HttpRequest, channel: Channel, address: str) -> HttpResponse:
    """Answer with a page of the visitor's own messages."""
    identity = identity_of(channel, address)
    if identity is None:
        return JsonResponse({"messages": [], "more": False})
    page = messages_page(
        identity,
        after=int_or_none(request.GET.get("after", "")),
        before=int_or_none(request.GET.get("before", "")),
    )
    return JsonResponse(
        {"messages": [message_for_visitor(item, address) for item in page.messages], "more": page.more}
    )


def say(request: HttpRequest, channel: Channel, address: str) -> HttpResponse:
    """Store the visitor's message and answer with it once it is committed."""
    posted = visitor_message(request.body)
    text = posted.text
    if posted.option:
        identity = identity_of(channel, address)
        label = option_label(identity, posted.option) if identity else None
        if label is None:
            raise Rejected(_("There is no such choice."))
        text = label
    external_id = client_key(address, posted.client_id)
    item = InboundMessage(
        external_id=external_id,
        sender=address,
        sent_at=timezone.now(),
        text=text,
        payload=posted.option,
    )
    try:
        inbound.receive(channel, [item])
    except Transient:
        return refusal(503, _("Something went wrong. Please try again."))
    stored = Message.objects.filter(channel=channel, external_id=external_id).first()
    if stored is None:
        return refusal(403, _("Your message could not be taken."))
    return JsonResponse({"message": message_for_visitor(stored, address)}, status=201)


def refusal(status: int, message: str) -> JsonResponse:
    """Say no in words for people."""
    return JsonResponse({"message": message}, status=status)


def too_many() -> JsonResponse:
    """Ask for patience."""
    response = refusal(429, _("That was a bit fast. Please wait a moment and try again."))
    response["Retry-After"] = "30"
    return response


def int_or_none(text: str, default: Any = None) -> Any:
    """Return a whole number a database can hold, else the default."""
    if not (text.isascii() and text.isdecimal()) or int(text[:20]) > MAX_ID:
        return default
    return int(text[:20])


def frame_words() -> dict[str, str]:
    """Words that the frame's script puts on screen."""
    return {
        "you": _("You:"),
        "today": _("Today"),
        "sending": _("Sending…"),
        "notSent": _("Not sent."),
        "trouble": _("Something went wrong. Please try again."),
        "tooLong": _("A message may have at most 2,000 characters."),
        "reconnecting": _("No connection. Trying again…"),
        "image": _("Picture"),
    }


def loader_source() -> str:
    """Return the loader's JavaScript; read once where files do not change."""
    found = finders.find("widget/widget.js")
    path = (
        Path(found) if isinstance(found, str) else Path(settings.STATIC_ROOT or "") / "widget" / "widget.js"
    )
    return path.read_text(encoding="utf-8") if settings.DEBUG else _kept(path)


@lru_cache(maxsize=1)
def _kept(path: Path) -> str:
    return path.read_text(encoding="utf-8")
