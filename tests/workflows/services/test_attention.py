from __future__ import annotations

import pytest

from channels_app.models import Channel
from conversations.models import Message
from conversations.services import message_mark_delivered
from isflow.kernel.errors import Conflict, NotFound
from isflow.workspaces.models import AuditEntry
from tests.factories import make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import document, journal, looking, publish, walk, write
from tests.workflows.troubles import asked, quarantine, unknown_call, unknown_message
from workflows.models import Run
from workflows.selectors import quarantined_runs, unknown_calls, unknown_messages
from workflows.services import (
    call_acknowledge,
    run_continue,
    run_give_up,
    unknown_send_again,
    workflow_stop,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    workspace = make_workspace()
    return workspace, make_channel(workspace, kind="web_chat")


@pytest.fixture
def set_aside(shop):
    workspace, channel = shop
    workflow, run = asked(workspace, channel)
    quarantine(workspace, run)
    return workspace, channel, workflow, run


def audited(action):
    return list(AuditEntry.objects.filter(action=action).values_list("details", flat=True))


def test_a_quarantined_run_goes_on_at_its_step_with_what_it_knew(set_aside):
    workspace, channel, _, run = set_aside
    with looking(workspace):
        run_continue(run=run)
        run.refresh_from_db()
        assert (run.status, run.end_reason, run.ended_at, run.lost_leases) == ("running", "", None, 0)
        assert run.variables == {"city": "Bonn"}
    walk()
    with looking(workspace):
        run.refresh_from_db()
        assert run.status == "waiting"
        assert journal(run) == [("ask", "cancelled"), ("ask", "waiting")]
    write(channel, "Ada")
    walk()
    with looking(workspace):
        run.refresh_from_db()
        assert (run.end_reason, run.variables) == ("no_next_step:success", {})
    [details] = audited("run.continued")
    assert details["run"] == run.pk
    assert details["step"] == "ask"


def test_nobody_goes_on_twice(set_aside):
    workspace, _, _, run = set_aside
    with looking(workspace):
        run_continue(run=run)
        with pytest.raises(Conflict, match="no longer in quarantine"):
            run_continue(run=run)
    assert len(audited("run.continued")) == 1


def test_a_run_does_not_go_on_while_the_contact_is_inside_again(set_aside):
    workspace, _, _, run = set_aside
    with looking(workspace):
        Run.objects.create(
            workspace=workspace,
            workflow=run.workflow,
            version=run.version,
            contact=run.contact,
            started_at=run.started_at,
        )
        with pytest.raises(Conflict, match="in this workflow again"):
            run_continue(run=run)
        run.refresh_from_db()
        assert run.end_reason == "quarantined"
    assert audited("run.continued") == []


def test_a_run_does_not_go_on_in_a_stopped_workflow(set_aside):
    workspace, _, workflow, run = set_aside
    with looking(workspace):
        workflow_stop(workflow=workflow)
        run = Run.objects.get(pk=run.pk)
        with pytest.raises(Conflict, match="not published"):
            run_continue(run=run)


def test_giving_up_leaves_the_run_ended_and_off_the_list(set_aside):
    workspace, _, _, run = set_aside
    with looking(workspace):
        run_give_up(run=run)
        run.refresh_from_db()
        assert (run.status, run.end_reason, run.variables) == ("ended", "stopped_by_user", {})
        assert not quarantined_runs().exists()
        with pytest.raises(Conflict):
            run_give_up(run=run)
    assert len(audited("run.given_up")) == 1


def test_an_acknowledged_call_leaves_the_list_and_stays_unknown_in_the_journal(shop):
    workspace, channel = shop
    _, run = asked(workspace, channel)
    visit = unknown_call(workspace, run)
    with looking(workspace):
        assert [one.pk for one in unknown_calls()] == [visit.pk]
        call_acknowledge(visit=visit)
        assert not unknown_calls().exists()
        visit.refresh_from_db()
        assert visit.status == "unknown"
        with pytest.raises(Conflict):
            call_acknowledge(visit=visit)
    assert len(audited("call.acknowledged")) == 1


def test_a_message_sent_again_is_a_copy_and_leaves_the_list(shop):
    workspace, channel = shop
    asked(workspace, channel)
    message = unknown_message(workspace)
    with looking(workspace):
        assert [one.pk for one in unknown_messages()] == [message.pk]
        unknown_send_again(message_id=message.pk)
        assert not unknown_messages().exists()
        assert Message.objects.filter(text=message.text, direction="out").count() == 2
        with pytest.raises(NotFound):
            unknown_send_again(message_id=message.pk + 1000)
    assert audited("message.sent_again")[0]["message"] == message.pk


def test_a_message_known_to_have_arrived_leaves_the_list_and_nothing_is_sent(shop):
    workspace, channel = shop
    asked(workspace, channel)
    message = unknown_message(workspace)
    with looking(workspace):
        message_mark_delivered(message_id=message.pk)
        assert not unknown_messages().exists()
        message.refresh_from_db()
        assert message.status == "delivered"
        assert Message.objects.filter(text=message.text, direction="out").count() == 1
        with pytest.raises(Conflict):
            message_mark_delivered(message_id=message.pk)
    assert len(audited("message.marked_delivered")) == 1


def test_what_belongs_to_another_workspace_cannot_be_touched(set_aside):
    _, _, _, run = set_aside
    other = make_workspace("other")
    publish(other, document("conversation_opened", ("ask", "ask_question", {"text": "Name?"})))
    with looking(other), pytest.raises(Conflict):
        run_give_up(run=run)


def test_what_cannot_be_sent_again_stays_on_the_list(shop):
    workspace, channel = shop
    _, run = asked(workspace, channel)
    message = unknown_message(workspace, run)
    with looking(workspace):
        Channel.objects.update(status=Channel.Status.DISCONNECTED)
        with pytest.raises(Conflict, match="disconnected"):
            unknown_send_again(message_id=message.pk)
        assert [one.pk for one in unknown_messages()] == [message.pk]
        assert Message.objects.filter(direction="out").count() == 1
    assert audited("message.sent_again") == []
