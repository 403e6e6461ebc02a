"""Runs follow a merge, unless the primary is inside already."""

from __future__ import annotations

import pytest
from django.db import transaction

from tests.factories import make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import document, looking, publish, walk, write
from workflows.engine.merging import runs_follow_merge
from workflows.models import Enrolment, Run, Wait

pytestmark = pytest.mark.django_db

ASK = document("conversation_opened", ("ask", "ask_question", {"text": "Name?"}))


@pytest.fixture
def shop():
    workspace = make_workspace()
    return workspace, make_channel(workspace, kind="web_chat")


def merge(workspace, primary, secondary):
    with looking(workspace), transaction.atomic():
        runs_follow_merge(primary_id=primary.pk, secondary_id=secondary.pk)


def test_a_run_goes_on_for_the_primary_and_takes_its_answer(shop):
    workspace, channel = shop
    primary = write(channel, "hello", sender="ada")
    workflow = publish(workspace, ASK)
    secondary = write(channel, "hello", sender="bob")
    walk()
    with looking(workspace):
        Run.objects.filter(contact=primary).delete()
        Enrolment.objects.filter(contact=primary).delete()
    merge(workspace, primary, secondary)
    with looking(workspace):
        assert Run.objects.get().contact_id == primary.pk
        assert Enrolment.objects.get().contact_id == primary.pk
        assert Enrolment.objects.get().workflow_id == workflow.pk
    write(channel, "Ada", sender="ada")
    walk()
    with looking(workspace):
        assert Run.objects.get().end_reason == "no_next_step:success"


def test_where_the_primary_is_inside_the_secondarys_run_ends(shop):
    workspace, channel = shop
    publish(workspace, ASK)
    primary, secondary = write(channel, "hello", sender="ada"), write(channel, "hello", sender="bob")
    walk()
    merge(workspace, primary, secondary)
    with looking(workspace):
        reasons = dict(Run.objects.values_list("contact_id", "end_reason"))
        assert reasons == {primary.pk: "", secondary.pk: "merged"}
        assert Wait.objects.get(status=Wait.Status.OPEN).contact_id == primary.pk
        assert Enrolment.objects.filter(contact=primary).count() == 1
