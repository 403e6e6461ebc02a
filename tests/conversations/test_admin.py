from __future__ import annotations

import pytest

from conversations.models import ClosingCategory, Comment, Conversation
from isflow.workspaces.models import Role
from tests.factories import make_member
from tests.factories_conversations import NOON

MODELS = ["closingcategory", "conversation", "message", "participant", "assignment", "comment"]


@pytest.fixture
def manager(site, client):
    member = make_member(site.workspace, Role.MANAGER)
    client.force_login(member.user)
    return member


@pytest.fixture
def talk(site):
    conversation = site.open()
    site.queue()
    with site.scope():
        ClosingCategory.objects.create(workspace=site.workspace, name="Sales")
        Comment.objects.create(workspace=site.workspace, contact=site.contact, text="x", created_at=NOON)
    return conversation


@pytest.mark.parametrize("model", MODELS)
def test_managers_see_every_list(manager, talk, client, model):
    assert client.get(f"/admin/conversations/{model}/?q=C").status_code == 200


def test_agents_do_not(site, talk, client):
    client.force_login(make_member(site.workspace).user)
    assert client.get("/admin/conversations/message/").status_code in {302, 403}


def test_messages_cannot_be_rewritten(site, manager, talk, client):
    with site.scope():
        message = site.contact.messages.get()
    page = f"/admin/conversations/message/{message.pk}/change/"
    assert client.get(page).status_code == 200
    assert client.post(page, {"text": "other"}).status_code == 403
    assert client.get("/admin/conversations/message/add/").status_code == 403


def test_closing_in_the_admin_fires_the_trigger_once(site, manager, talk, client, events):
    events.clear()
    page = f"/admin/conversations/conversation/{talk.pk}/change/"
    assert client.post(page, {"status": "closed", "summary": "Done"}).status_code == 302
    assert [event.kind for event in events] == ["conversation_closed"]
    assert events[0].payload["closed_by_source"] == "user"
    assert events[0].payload["closed_by_user_id"] == manager.user_id
    assert events[0].payload["summary"] == "Done"
    with site.scope():
        assert not Conversation.objects.get().is_open
