"""One workflow sends the contact into another."""

from __future__ import annotations

import pytest

from contacts.models import Tag
from tests.factories import make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import document, journal, looking, publish, walk, write
from workflows.models import Decision, Run
from workflows.services import workflow_stop

pytestmark = pytest.mark.django_db


def parts(tag):
    return ("mark", "update_contact_tag", {"action": "add", "tags": [{"id": tag.pk, "label": tag.name}]})


@pytest.fixture
def shop():
    workspace = make_workspace()
    channel = make_channel(workspace, kind="web_chat")
    with looking(workspace):
        tag = Tag.objects.create(workspace=workspace, name="seen")
    child = publish(workspace, document("manual", parts(tag)), "Child")
    parent = publish(
        workspace,
        document(
            "conversation_opened",
            ("call", "trigger_workflow", {"workflow": {"id": child.pk, "label": "Child"}}),
            ("hello", "send_message", {"default": {"text": "Hi"}}),
        ),
        "Parent",
    )
    return workspace, channel, parent, child


@pytest.mark.rule("S000.manual.only_by_step")
def test_the_child_runs_for_the_same_contact_and_the_parent_goes_on(shop):
    workspace, channel, parent, child = shop
    contact = write(channel, "hello")
    walk()
    with looking(workspace):
        first, second = Run.objects.order_by("pk")
        assert (first.workflow_id, second.workflow_id) == (parent.pk, child.pk)
        assert second.parent_run_id == first.pk
        assert second.depth == first.depth + 1
        assert journal(first) == [("call", "next"), ("hello", "next")]
        assert list(contact.tags.values_list("name", flat=True)) == ["seen"]


@pytest.mark.rule("SP2.14.trigger.not_published")
def test_an_unpublished_child_is_passed_over_and_the_log_says_so(shop):
    workspace, channel, _, child = shop
    with looking(workspace):
        workflow_stop(workflow=child)
    write(channel, "hello")
    walk()
    with looking(workspace):
        assert Run.objects.get().end_reason == "completed"
        decision = Decision.objects.get(event__kind="workflow_triggered")
        assert decision.verdicts == [[None, "not_published", None, ""]]
