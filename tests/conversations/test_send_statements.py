"""What a look for messages to send costs, with and without any."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.outbound import messages_send
from tests.factories_conversations import Site

IN_VAIN = 2
"""What may leave now, and whether anything may soon."""
SENDING = 13
"""Look, claim (4), record (6: failures, outcome, waiting runs, live counters), and the look in vain."""


def statements():
    with CaptureQueriesContext(connection) as queries:
        messages_send()
    return [query["sql"] for query in queries]


def test_a_look_in_vain_is_two_statements_and_no_transaction(site, provider):
    found = statements()
    assert len(found) == IN_VAIN
    assert all(sql.startswith("SELECT") for sql in found)


@pytest.mark.parametrize("number", [1, 3])
def test_a_few_messages_cost_the_statements_of_one(db, provider, monkeypatch, number):
    # All calls have ended when the first is recorded.
    monkeypatch.setattr("conversations.outbound.GATHER_SECONDS", 5)
    site = Site(contacts=number)
    for n in range(number):
        site.queue(n)
    assert len(statements()) == SENDING
    assert len(provider.sent) == number
