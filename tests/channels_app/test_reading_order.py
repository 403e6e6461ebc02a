"""Senders whose deliveries wait for one another are held even when all of them are read together."""

from __future__ import annotations

import json

from channels_app.services import deliveries_process, delivery_store
from tests.channels_app.test_reading import AT, say, statuses


def test_who_waits_holds_his_own_senders_in_the_same_batch_as_well(channel, handler):
    handler.poison = "first"
    say(channel, "first", sender="Vi")
    deliveries_process()
    both = [{"id": name, "from": name, "text": f"of {name}", "at": AT} for name in ("Vi", "Bo")]
    delivery_store(channel=channel, body=json.dumps(both).encode())
    say(channel, "of Bo again", sender="Bo")
    deliveries_process()
    assert statuses() == ["received"] * 3
