from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest
from django.db import connection

from conversations.outbound import messages_send
from tests.conversations.race import race
from tests.factories_conversations import Site

ONE_OF_EACH = {"errors": [], "contacts": 1, "conversations": 1, "messages": 2, "unread": 2}
SCRIPT = "import django; django.setup(); from tests.conversations.race import main; main()"


def test_copies_of_first_messages_at_once_make_one_contact_in_a_file(tmp_path):
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "isflow.settings.test",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'race.sqlite3'}",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ONE_OF_EACH


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_copies_of_first_messages_at_once_make_one_contact_on_postgres():
    assert connection.vendor == "postgresql"
    assert race(threads=8) == ONE_OF_EACH


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_eight_senders_send_each_message_once_and_in_order(provider):
    site = Site(contacts=10)
    for number in range(5):
        for n in range(10):
            site.queue(n, text=str(number))

    def work():
        try:
            messages_send(slots=2)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    messages_send()
    by_contact = {}
    for _, message in provider.sent:
        by_contact.setdefault(message.recipient, []).append(message.text)
    assert len(by_contact) == 10
    assert all(texts == ["0", "1", "2", "3", "4"] for texts in by_contact.values())
