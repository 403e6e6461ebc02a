from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connection

from channels_app.models import InboundDelivery
from channels_app.services import deliveries_process, delivery_store
from isflow.workspaces.scope import all_workspaces
from tests.factories_contacts import make_channel

AT = datetime(2026, 1, 2, tzinfo=UTC).isoformat()


@pytest.mark.django_db(transaction=True)
def test_several_workers_read_each_delivery_once_and_in_order(workspace, handler):
    channels = [make_channel(workspace) for _ in range(2)]
    for number in range(20):
        body = json.dumps([{"id": str(number), "from": "x", "text": str(number), "at": AT}]).encode()
        for channel in channels:
            delivery_store(channel=channel, body=body)

    def work(_):
        try:
            return deliveries_process()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(work, range(4)))
    done.append(deliveries_process())

    assert sum(done) == 40
    for channel in channels:
        texts = [item.text for seen, items in handler.calls if seen.pk == channel.pk for item in items]
        assert texts == [str(number) for number in range(20)]
    with all_workspaces():
        assert InboundDelivery.objects.exclude(status="processed").count() == 0
