from __future__ import annotations

import threading
from contextlib import suppress
from time import monotonic

import pytest
from kombu import Connection, Queue
from kombu.transport import TRANSPORT_ALIASES

QUEUE = Queue("wake-test", routing_key="wake-test")


@pytest.fixture
def connection():
    with Connection("wake://localhost/") as opened:
        yield opened


def test_the_broker_is_known_by_its_scheme():
    assert TRANSPORT_ALIASES["wake"] == "isflow.infra.transport:Transport"


def test_a_publisher_wakes_the_consumer(connection):
    received = []
    with connection.Consumer(QUEUE, callbacks=[lambda body, message: (received.append(body), message.ack())]):

        def publish():
            with Connection("wake://localhost/") as other:
                other.Producer().publish({"n": 1}, routing_key="wake-test", declare=[QUEUE])

        timer = threading.Timer(0.1, publish)
        timer.start()
        end = monotonic() + 10
        while not received and monotonic() < end:
            with suppress(TimeoutError):
                connection.drain_events(timeout=1)
        timer.join()
    assert received == [{"n": 1}]


def test_an_empty_queue_times_out(connection):
    with connection.Consumer(
        Queue("empty", routing_key="empty"), callbacks=[lambda _, message: message.ack()]
    ):
        before = monotonic()
        with pytest.raises(TimeoutError):
            connection.drain_events(timeout=0.1)
    assert monotonic() - before < 5
