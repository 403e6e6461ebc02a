"""Exit conditions end a run for what people do by hand, and for nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import transaction

from conversations.changes import AssignContact, QueueMessage
from conversations.services import contacts_assign, messages_queue
from isflow.kernel.actor import Actor
from isflow.workspaces.models import Role
from tests.factories import make_member, make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import document, looking, publish, walk, write
from workflows.engine.clock import now
from workflows.engine.exits import eject, give_up, reopen
from workflows.models import Run, Workflow

pytestmark = pytest.mark.django_db

ASK = ("ask", "ask_question", {"text": "Name?"})
PAUSE = ("pause", "wait", {"duration": {"value": 1, "unit": "days"}})


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(datetime(2026, 11, 20, 9, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def shop():
    workspace = make_workspace()
    return workspace, make_channel(workspace, kind="web_chat"), make_member(workspace, Role.AGENT).user


def enter(shop, clock, step, **conditions):
    """A contact inside a workflow with these exit conditions."""
    workspace, channel, _ = shop
    workflow = publish(workspace, document("conversation_opened", step))
    with looking(workspace):
        Workflow.objects.filter(pk=workflow.pk).update(exit_conditions={"enabled": True, **conditions})
    contact = write(channel, "hello")
    walk()
    clock.shift(timedelta(seconds=5))
    return contact


def reason(shop):
    walk()
    with looking(shop[0]):
        return Run.objects.get().end_reason


def say(shop, contact, actor):
    workspace, channel, _ = shop
    with looking(workspace):
        identity = contact.identities.get()
        messages_queue(
            [QueueMessage(contact.pk, identity.pk, channel.pk, f"k{now()}", now(), text="Hi", actor=actor)]
        )


@pytest.mark.rule("S002.exit.outgoing")
def test_a_message_by_a_user_ends_the_run(shop, clock):
    contact = enter(shop, clock, PAUSE, outgoing_message=True)
    say(shop, contact, Actor(source="user", user_id=shop[2].pk))
    assert reason(shop) == "exit_outgoing"


@pytest.mark.rule("S002.exit.outgoing_exceptions")
@pytest.mark.parametrize("source", ["workflow", "broadcast", "api", "zapier", "make", "bot"])
def test_messages_of_workflows_broadcasts_and_integrations_do_not(shop, clock, source):
    contact = enter(shop, clock, PAUSE, outgoing_message=True)
    say(shop, contact, Actor(source=source))
    assert reason(shop) == ""


@pytest.mark.rule("S002.exit.incoming")
def test_a_message_of_the_contact_ends_the_run_but_not_the_one_that_started_it(shop, clock):
    enter(shop, clock, PAUSE, incoming_message=True)
    assert reason(shop) == ""
    write(shop[1], "are you there?")
    assert reason(shop) == "exit_incoming"


def test_what_happened_before_the_run_began_does_not_however_late_it_is_decided(shop, clock):
    workspace, channel, _ = shop
    enter(shop, clock, PAUSE, incoming_message=True)
    write(channel, "are you there?")
    with looking(workspace):
        Run.objects.update(started_at=now() + timedelta(seconds=1))
    assert reason(shop) == ""


def test_what_one_contact_does_ends_no_run_of_another(shop, clock):
    workspace, channel, user = shop
    ada = enter(shop, clock, PAUSE, incoming_message=True)
    bob = write(channel, "hello", sender="bob")
    walk()
    clock.shift(timedelta(seconds=5))
    write(channel, "are you there?")
    say(shop, bob, Actor(source="user", user_id=user.pk))
    walk()
    with looking(workspace):
        reasons = dict(Run.objects.values_list("contact_id", "end_reason"))
    assert reasons == {ada.pk: "exit_incoming", bob.pk: ""}


@pytest.mark.rule("S002.exit.incoming_answer_exempt")
def test_an_answer_to_a_question_of_the_workflow_does_not(shop, clock):
    enter(shop, clock, ASK, incoming_message=True)
    write(shop[1], "Ada")
    assert reason(shop) == "no_next_step:success"


def test_an_answer_to_another_workflows_question_does(shop, clock):
    workspace, channel, _ = shop
    publish(workspace, document("conversation_opened", ASK), "Asks")
    enter(shop, clock, PAUSE, incoming_message=True)
    write(channel, "Ada")
    walk()
    with looking(workspace):
        assert set(Run.objects.values_list("end_reason", flat=True)) == {
            "no_next_step:success",
            "exit_incoming",
        }


@pytest.mark.rule("S002.exit.manual_assignment")
def test_an_assignment_by_hand_ends_the_run(shop, clock):
    contact = enter(shop, clock, PAUSE, manual_assignment=True)
    assign(shop, contact, Actor(source="user", user_id=shop[2].pk))
    assert reason(shop) == "exit_manual_assignment"


@pytest.mark.rule("S002.exit.manual_assignment_exceptions")
@pytest.mark.parametrize("source", ["workflow", "api"])
def test_an_assignment_by_workflows_or_apis_does_not(shop, clock, source):
    contact = enter(shop, clock, PAUSE, manual_assignment=True)
    assign(shop, contact, Actor(source=source))
    assert reason(shop) == ""


def test_unassigning_by_hand_does_not(shop, clock):
    contact = enter(shop, clock, PAUSE, manual_assignment=True)
    assign(shop, contact, Actor(source="api"))
    with looking(shop[0]):
        contacts_assign([AssignContact(contact.pk, None, now(), Actor(source="user", user_id=shop[2].pk))])
    assert reason(shop) == ""


def assign(shop, contact, actor):
    with looking(shop[0]):
        contacts_assign([AssignContact(contact.pk, shop[2].pk, now(), actor)])


def test_conditions_that_are_switched_off_as_a_whole_end_nothing(shop, clock):
    enter(shop, clock, PAUSE, incoming_message=True)
    with looking(shop[0]):
        Workflow.objects.update(exit_conditions={"enabled": False, "incoming_message": True})
    write(shop[1], "are you there?")
    assert reason(shop) == ""


@pytest.mark.parametrize("deal", [reopen, give_up])
def test_only_a_quarantined_run_is_taken_up_again_or_given_up(shop, clock, deal):
    enter(shop, clock, PAUSE)
    with looking(shop[0]), transaction.atomic():
        run = Run.objects.get()
        eject(Run.objects.all(), reason="stopped_by_person")
        assert not deal(run.pk)
        run.refresh_from_db()
    assert (run.status, run.end_reason) == ("ended", "stopped_by_person")
