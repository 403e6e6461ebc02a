from __future__ import annotations

from datetime import timedelta

import pytest

from isflow.workspaces.models import Notification, Role
from tests.factories import make_member, make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import looking
from tests.workflows.troubles import asked, quarantine, unknown_call, unknown_message
from workflows.engine.clock import now
from workflows.services.notices import notices_send
from workflows.tasks import send_notices

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    workspace = make_workspace()
    owner = make_member(workspace, Role.OWNER).user
    manager = make_member(workspace, Role.MANAGER).user
    make_member(workspace, Role.AGENT)
    return workspace, make_channel(workspace, kind="web_chat"), [owner, manager]


def told(workspace):
    with looking(workspace):
        rows = Notification.objects.order_by("pk").values_list("user_id", "kind", "title")
        return list(rows)


def test_nothing_is_told_when_nothing_is_wrong(shop):
    workspace, channel, _ = shop
    asked(workspace, channel)
    assert notices_send() == 0
    assert told(workspace) == []


def test_owners_and_managers_hear_of_a_run_set_aside_once(shop):
    workspace, channel, people = shop
    _, run = asked(workspace, channel)
    quarantine(workspace, run)
    send_notices()
    send_notices()
    assert told(workspace) == [(user.pk, "quarantined", "1 run was set aside") for user in people]
    with looking(workspace):
        assert Notification.objects.first().url == f"/w/{workspace.slug}/attention/"


def test_what_comes_within_the_hour_is_told_after_it(shop):
    workspace, channel, people = shop
    _, run = asked(workspace, channel)
    unknown_call(workspace, run)
    assert notices_send() == 1
    message = unknown_message(workspace)
    assert notices_send() == 0
    with looking(workspace):
        Notification.objects.update(created_at=now() - timedelta(minutes=61))
        type(message).objects.filter(pk=message.pk).update(lease_until=now())
        run.executions.update(finished_at=now() - timedelta(minutes=70))
    assert notices_send() == 1
    assert told(workspace)[-1][1:] == ("unknown_outcome", "Nobody knows whether 1 message or call went out")
    assert len(told(workspace)) == 2 * len(people)


def test_what_was_told_and_is_still_open_is_not_told_again(shop):
    workspace, channel, _ = shop
    _, run = asked(workspace, channel)
    unknown_call(workspace, run)
    assert notices_send() == 1
    with looking(workspace):
        run.executions.update(finished_at=now() - timedelta(minutes=70))
        Notification.objects.update(created_at=now() - timedelta(minutes=61))
    assert notices_send() == 0
