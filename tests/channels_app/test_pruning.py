from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels_app.models import InboundDelivery
from channels_app.services import deliveries_prune
from isflow.workspaces.scope import workspace_scope
from tests.factories import make_workspace
from tests.factories_contacts import make_channel

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel():
    return make_channel(make_workspace(keep_deliveries_days=14))


def deliveries_of(channel, number, *, days, status="processed"):
    with workspace_scope(channel.workspace_id):
        rows = InboundDelivery.objects.bulk_create(
            InboundDelivery(workspace_id=channel.workspace_id, channel=channel, body=b"{}", status=status)
            for _ in range(number)
        )
        InboundDelivery.objects.filter(pk__in=[row.pk for row in rows]).update(
            received_at=timezone.now() - timedelta(days=days)
        )


def left(channel):
    with workspace_scope(channel.workspace_id):
        return list(InboundDelivery.objects.order_by("pk").values_list("status", flat=True))


def test_old_deliveries_go_read_or_failed_and_those_to_be_read_stay(channel):
    deliveries_of(channel, 2, days=15)
    deliveries_of(channel, 1, days=15, status="failed")
    deliveries_of(channel, 1, days=15, status="received")
    deliveries_of(channel, 1, days=13)
    assert deliveries_prune() == 3
    assert left(channel) == ["received", "processed"]


def test_every_workspace_keeps_as_long_as_it_says(channel):
    patient = make_channel(make_workspace("patient", keep_deliveries_days=60))
    for one in (channel, patient):
        deliveries_of(one, 1, days=30)
    assert deliveries_prune() == 1
    assert (left(channel), left(patient)) == ([], ["processed"])


def test_deliveries_go_in_batches_at_four_statements_each(channel, settings):
    settings.ISFLOW_PRUNE_BATCH = 10
    deliveries_of(channel, 25, days=15)
    with CaptureQueriesContext(connection) as captured:
        assert deliveries_prune() == 25
    # The workspaces; three batches of savepoint, look, deletion, release; a last look.
    assert len(captured) == 1 + 3 * 4 + 3


def test_a_round_ends_when_its_time_is_over(channel, settings):
    settings.ISFLOW_PRUNE_BATCH = 10
    deliveries_of(channel, 25, days=15)
    looks = iter([False, True])
    assert deliveries_prune(lambda: next(looks)) == 10
