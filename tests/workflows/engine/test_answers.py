"""Of several runs that asked a contact, which one takes which answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import transaction

from isflow.infra.faults import arm
from tests.factories import make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import document, journal, looking, publish, walk, write
from workflows.engine.clock import now
from workflows.engine.exits import eject
from workflows.models import Decision, Run, Wait

pytestmark = pytest.mark.django_db

ASK = ("ask", "ask_question", {"text": "Well?"})
PAUSE = ("pause", "wait", {"duration": {"value": 1, "unit": "minutes"}})


@pytest.fixture
def asked():
    """A contact whom two runs have asked, one a minute after the other; and the clock."""
    workspace = make_workspace()
    channel = make_channel(workspace, kind="web_chat")
    with time_machine.travel(datetime(2026, 11, 20, 9, tzinfo=UTC), tick=False) as clock:
        publish(workspace, document("conversation_opened", ASK), name="early")
        publish(workspace, document("conversation_opened", PAUSE, ASK), name="late")
        write(channel, "hello")
        walk()
        clock.shift(timedelta(seconds=61))
        walk()
        clock.shift(timedelta(seconds=1))
        with looking(workspace):
            assert Wait.objects.filter(kind="question", status="open").count() == 2
            yield channel


def answers():
    waits = Wait.objects.filter(kind="question", status="resolved").select_related("run__workflow")
    return {wait.run.workflow.name: wait.resolution["text"] for wait in waits}


@pytest.mark.parametrize("together", [True, False])
def test_the_question_asked_last_is_answered_first(asked, together):
    write(asked, "one")
    if not together:
        walk()
        assert answers() == {"late": "one"}
    write(asked, "two")
    walk()
    assert answers() == {"late": "one", "early": "two"}
    assert {journal(run)[-1] for run in Run.objects.all()} == {("ask", "success")}


def test_a_question_that_nobody_waits_for_takes_no_answer(asked):
    Wait.objects.filter(run__workflow__name="late").update(status="cancelled")
    write(asked, "one")
    walk()
    assert answers() == {"early": "one"}


def test_an_answer_of_one_contact_is_none_of_another(asked):
    write(asked, "hello", sender="bob")
    walk()
    write(asked, "of ada")
    write(asked, "of bob", sender="bob")
    walk()
    waits = Wait.objects.filter(status="resolved", kind="question")
    heard = {(wait.contact.first_name, wait.resolution["text"]) for wait in waits.select_related("contact")}
    assert heard == {("Bob", "of bob"), ("Ada", "of ada")}


def test_an_answer_that_comes_second_decides_nothing_and_is_not_called_one(asked):
    """Somebody else decides the wait after the message has found it open."""
    late = Wait.objects.get(run__workflow__name="late", kind="question")
    arm("waits.before_resolve", lambda: Wait.objects.filter(pk=late.pk).update(status="cancelled"))
    write(asked, "one")
    walk()
    late.refresh_from_db()
    assert (late.status, late.run.status) == ("cancelled", "waiting")
    assert "answered" not in {row[1] for one in Decision.objects.all() for row in one.verdicts}


def test_the_chain_of_causes_begins_anew_with_an_answer(asked):
    Run.objects.update(depth=7)
    write(asked, "one")
    walk()
    depths = dict(Run.objects.values_list("workflow__name", "depth"))
    assert depths == {"late": 0, "early": 7}


def test_a_run_that_a_worker_holds_is_left_to_it(asked):
    until = now() + timedelta(seconds=10)
    Run.objects.filter(workflow__name="late").update(lease_token=7, lease_until=until, wake_at=until)
    write(asked, "one")
    walk()
    run = Run.objects.get(workflow__name="late")
    assert answers() == {"late": "one"}
    assert (run.lease_token, run.lease_until, run.wake_at, run.lost_leases) == (7, until, until, 0)


def test_an_answer_that_was_given_stays_given_when_its_run_is_stopped(asked):
    until = now() + timedelta(seconds=10)
    Run.objects.filter(workflow__name="late").update(lease_until=until, wake_at=until)
    write(asked, "one")
    walk()
    with transaction.atomic():
        eject(Run.objects.all(), reason="stopped_workflow")
    waits = dict(Wait.objects.filter(kind="question").values_list("run__workflow__name", "status"))
    assert waits == {"late": "resolved", "early": "cancelled"}
