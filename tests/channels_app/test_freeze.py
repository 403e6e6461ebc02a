"""A reader that stands still in the middle of a batch: PostgreSQL takes its locks, somebody else reads on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from django.db import connection

from channels_app.models import InboundDelivery
from channels_app.services import deliveries_process, delivery_store
from conversations.models import Message
from isflow.workspaces.scope import all_workspaces
from tests.harness.servers import wait_for
from workflows.models import Event

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).isoformat()
VICTIM = """
import django
django.setup()
from channels_app.services import deliveries_process
print(deliveries_process())
print(deliveries_process())
"""


def url_of_test_database():
    given = connection.settings_dict
    place = f"{given['HOST'] or '127.0.0.1'}:{given['PORT'] or 5432}"
    secret = f":{given['PASSWORD']}" if given["PASSWORD"] else ""
    return f"postgres://{given['USER']}{secret}@{place}/{given['NAME']}"


def holders():
    """How many other sessions hold a transaction open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND state = 'idle in transaction' AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_frozen_reader_gives_its_channel_back_and_thaws_without_harm(channel):
    for number in range(3):
        body = json.dumps([{"id": f"m{number}", "from": "+49170", "text": "Hi", "at": AT}])
        delivery_store(channel=channel, body=body.encode())
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "isflow.settings.test",
        "DATABASE_URL": url_of_test_database(),
        "ISFLOW_DB_IDLE_SECONDS": "2",
        "ISFLOW_FAULT": "inbound.before_processed=freeze:8",
    }
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        wait_for("the victim to freeze", holders, 30)
        assert deliveries_process() == 0
        wait_for("the lock to be free", deliveries_process, 6)
        assert victim.poll() is None
        said, _ = victim.communicate(timeout=30)
    finally:
        victim.kill()
        victim.wait()
    # It noticed that it had been cut off, found nothing left to do, and could go on working.
    assert (victim.returncode, said.split()) == (0, ["0", "0"])
    with all_workspaces():
        assert {row.status for row in InboundDelivery.objects.all()} == {"processed"}
        assert {row.attempts for row in InboundDelivery.objects.all()} == {0}
        assert Message.objects.count() == 3
        assert Event.objects.filter(kind="message_created").count() == 3
