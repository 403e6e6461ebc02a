"""Workspaces are walls: no page or form of one shows or changes anything of the other.

Every address of the URL map is visited by the owner of one workspace with the ids of the other. A new
address, model or admin page is visited without anybody adding it here.
"""

from __future__ import annotations

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from contacts.models import ContactField, Tag
from conversations.models import ClosingCategory, Comment
from isflow.workspaces.models import Invitation, Notification, Role
from isflow.workspaces.notifications import notify
from isflow.workspaces.scope import ScopedModel, all_workspaces, workspace_scope
from tests.factories import make_member, make_team, make_user, make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import document, publish, walk, write
from workflows.models import Run

pytestmark = pytest.mark.django_db

CANARY = "Zyzzyva"
OURS = ("workspaces", "channels_app", "contacts", "conversations", "workflows")


def populate(slug, canary):
    """A workspace in which every kind of thing carries the canary's name."""
    workspace = make_workspace(slug, name=f"{canary} Ltd")
    owner = make_member(
        workspace, Role.OWNER, user=make_user(f"owner@{slug}.example", first_name=canary)
    ).user
    make_team(workspace, f"{canary} team")
    channel = make_channel(workspace, kind="web_chat", name=f"{canary} chat")
    with workspace_scope(workspace.pk):
        tag = Tag.objects.create(workspace=workspace, name=f"{canary} tag")
        ContactField.objects.create(workspace=workspace, name=f"{canary} field", slug="plan")
        ClosingCategory.objects.create(workspace=workspace, name=f"{canary} category")
        Invitation.objects.create(workspace=workspace, email=f"{canary}@example.org", token_digest=slug)
        notify(workspace_id=workspace.pk, user_ids=[owner.pk], kind="mention", title=f"{canary} news")
    publish(
        workspace,
        document(
            "conversation_opened",
            ("tag", "update_contact_tag", {"tags": [{"id": tag.pk, "label": tag.name}]}),
            ("note", "add_comment", {"text": f"{canary} note"}),
            ("ask", "ask_question", {"text": f"{canary}?"}),
        ),
        f"{canary} workflow",
    )
    write(channel, f"{canary} writes", sender=canary.lower())
    walk()
    return workspace, owner


@pytest.fixture
def worlds():
    ours, owner = populate("ours", "Quux")
    theirs, _ = populate("theirs", CANARY)
    with workspace_scope(theirs.pk):
        assert Run.objects.exists()
        assert Comment.objects.exists()
        assert Notification.objects.exists()
    return ours, owner, theirs


def patterns(resolver=None, prefix=""):
    """Every address of our own URL map as (name, route)."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            if not route.startswith(("admin/", "accounts/")):
                yield from patterns(entry, route)
        elif isinstance(entry, URLPattern):
            yield entry.name, route


def ids_of(workspace):
    """One id of every scoped model in a workspace, by model name."""
    found = {}
    with workspace_scope(workspace.pk):
        for model in apps.get_models():
            if issubclass(model, ScopedModel):
                found[model._meta.model_name] = list(model.objects.values_list("pk", flat=True))
    return found


def addresses(route, slug, ids):
    """The route with this slug and every id that might be meant."""
    route = re.sub(r"<slug:slug>", slug, route)
    if "<int:" not in route:
        return [route]
    named = re.findall(r"<int:([a-z]+)_id>", route)[0]
    every = sorted({pk for pks in ids.values() for pk in pks})
    meant = next((pks for model, pks in ids.items() if model.startswith(named)), every)
    return [re.sub(r"<int:[a-z_]+>", str(pk), route) for pk in meant]


def everything(workspace):
    """All rows of a workspace as they are."""
    rows = {}
    with workspace_scope(workspace.pk):
        for model in apps.get_models():
            if issubclass(model, ScopedModel):
                rows[model._meta.label] = sorted(map(str, model.objects.values()))
    return rows


def test_no_own_page_shows_or_changes_anything_of_another_workspace(client, worlds):
    ours, owner, theirs = worlds
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    before, visited = everything(theirs), 0
    for _name, route in patterns():
        if "<str:" in route or "<path:" in route or not route:
            continue
        for slug in (ours.slug, theirs.slug):
            for address in addresses(route, slug, ids_of(theirs)):
                for method in ("get", "post"):
                    if "logout" in address or address.startswith("profile"):
                        continue
                    answer = getattr(client, method)(f"/{address}")
                    visited += 1
                    # Supervisors are told with 503 that no worker is there.
                    assert answer.status_code < 500 or address == "health/deep", address
                    text = b"".join(answer) if answer.streaming else answer.content
                    assert CANARY.lower().encode() not in text.lower(), f"{method} {address}"
                    if f"w/{theirs.slug}/" in address:
                        assert answer.status_code in (404, 405), f"{method} {address}: {answer.status_code}"
    assert visited > 100
    assert everything(theirs) == before


def test_no_admin_page_shows_anything_of_another_workspace(client, worlds):
    _, owner, theirs = worlds
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    ids, visited = ids_of(theirs), 0
    for model in admin.site._registry:
        meta = model._meta
        if meta.app_label not in OURS:
            continue
        base = f"admin:{meta.app_label}_{meta.model_name}"
        pages = [reverse(f"{base}_changelist"), f"{reverse(f'{base}_changelist')}?q={CANARY.lower()}"]
        for pk in ids.get(meta.model_name, []):
            pages += [reverse(f"{base}_{page}", args=[pk]) for page in ("change", "delete", "history")]
        for page in pages:
            answer = client.get(page, follow=True)
            visited += 1
            assert answer.status_code < 500, page
            # What was searched for is echoed in small letters; names have a capital.
            assert CANARY.encode() not in answer.content, page
    assert visited > 40
    with all_workspaces():
        assert Run.objects.filter(workspace=theirs).exists()


def test_a_stranger_sees_nothing_at_all(client, worlds):
    _, _, theirs = worlds
    client.force_login(make_user("stranger@example.org"), backend="django.contrib.auth.backends.ModelBackend")
    for _name, route in patterns():
        if "<slug:slug>" not in route or "<str:" in route:
            continue
        for address in addresses(route, theirs.slug, {"any": [1]}):
            assert client.get(f"/{address}").status_code in (404, 405), address
