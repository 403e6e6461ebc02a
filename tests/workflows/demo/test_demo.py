from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from contacts.models import Contact
from conversations.models import Comment, Conversation, Message
from isflow.workspaces.models import Membership, User, Workspace
from isflow.workspaces.scope import workspace_scope
from workflows.demo.load import demo_load
from workflows.demo.shop import PASSWORD
from workflows.models import Event, Workflow

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo():
    loaded = demo_load()
    with workspace_scope(loaded.shop.workspace.pk):
        yield loaded


def test_the_demo_has_people_contacts_conversations_and_messages(demo):
    assert {row.user.first_name: str(row.role) for row in Membership.objects.select_related("user")} == {
        "Nora": "owner",
        "Marek": "manager",
        "Omar": "agent",
        "Lena": "agent",
    }
    assert Contact.objects.count() == 300
    assert 230 <= Conversation.objects.count() <= 250
    assert Message.objects.count() > 600
    assert Conversation.objects.filter(status="open", contact__assignee=None).exists()
    assert not Message.objects.filter(text__regex=r"^[<>#]").exists()
    assert Message.objects.filter(direction="out").count() > 250
    assert Comment.objects.count() > 20


def test_every_contact_of_the_demo_has_one_latest_conversation_at_most(demo):
    latest = Conversation.objects.filter(is_latest=True)
    assert latest.count() == Conversation.objects.values("contact").distinct().count()
    for row in Conversation.objects.filter(is_latest=False):
        assert row.status == "closed"


def test_all_workflows_of_the_demo_are_published(demo):
    assert demo.faults == ()
    assert set(Workflow.objects.filter(status="published").values_list("name", flat=True)) == {
        "Welcome and e-mail",
        "After closing",
        "Order update",
    }


def test_loading_the_demo_records_no_events(demo):
    assert not Event.objects.exists()


def test_loading_twice_changes_nothing(demo):
    before = (
        Contact.objects.count(),
        Message.objects.count(),
        Workflow.objects.count(),
        User.objects.count(),
    )
    again = demo_load()
    assert not again.was_new
    assert before == (
        Contact.objects.count(),
        Message.objects.count(),
        Workflow.objects.count(),
        User.objects.count(),
    )
    assert Workspace.objects.count() == 1


def test_the_command_prints_the_logins(settings):
    out = StringIO()
    call_command("demo", stdout=out)
    assert PASSWORD in out.getvalue()
    assert "omar@demo.isflow.local" in out.getvalue()
    assert "/w/demo/inbox/" in out.getvalue()


def test_a_real_installation_refuses_public_passwords(settings):
    settings.ISFLOW_EMBEDDED = False
    settings.DEBUG = False
    with pytest.raises(CommandError, match="--force"):
        call_command("demo")
