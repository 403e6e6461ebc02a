from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from isflow.kernel.errors import Rejected
from isflow.workspaces.broadcast import captured_broadcasts
from isflow.workspaces.models import Membership, Presence
from isflow.workspaces.presence import presence_choose, presence_leave, presence_sweep, presence_touch
from isflow.workspaces.scope import all_workspaces, workspace_scope
from tests.factories import make_member, make_workspace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def member():
    member = make_member(make_workspace())
    with workspace_scope(member.workspace_id):
        yield member


def seen(member, minutes):
    Membership.objects.filter(pk=member.pk).update(last_seen_at=timezone.now() - timedelta(minutes=minutes))


def now(member):
    return Membership.objects.get(pk=member.pk).presence


def test_activity_brings_the_chosen_presence_back(member):
    presence_choose(membership=member, presence=Presence.BUSY)
    presence_leave(user=member.user)
    assert now(member) == Presence.OFFLINE
    with captured_broadcasts() as sent:
        presence_touch(membership=Membership.objects.get(pk=member.pk))
    assert now(member) == Presence.BUSY
    assert sent[0].message["frames"][0]["d"] == {"user_id": member.user_id, "presence": "busy"}


def test_activity_is_written_once_a_minute(member, django_assert_num_queries):
    presence_touch(membership=member)
    with django_assert_num_queries(0):
        presence_touch(membership=member)


def test_nobody_chooses_to_be_offline(member):
    with pytest.raises(Rejected):
        presence_choose(membership=member, presence=Presence.OFFLINE)


@pytest.mark.rule("SP.D10.presence")
def test_the_idle_go_offline_after_their_workspace_s_timeout(member):
    patient = make_member(make_workspace("beta", presence_timeout_minutes=60))
    presence_touch(membership=member)
    with all_workspaces():
        presence_touch(membership=patient)
        assert presence_sweep() == 0
        for one in (member, patient):
            seen(one, 11)
        assert presence_sweep() == 1
        assert (now(member), now(patient)) == (Presence.OFFLINE, Presence.ONLINE)
        assert presence_sweep() == 0
