from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from isflow.workspaces.broadcast import captured_broadcasts
from isflow.workspaces.live import Frame, publish, stream_numbers, whisper
from isflow.workspaces.models import LiveStream
from isflow.workspaces.scope import workspace_scope
from tests.factories import make_workspace


def numbers(messages):
    return [(frame["s"], frame.get("n")) for item in messages for frame in item.message["frames"]]


@pytest.mark.rule("DS1.frame_number")
@pytest.mark.django_db(transaction=True)
def test_frames_of_one_stream_are_numbered_without_a_gap():
    workspace = make_workspace()
    with captured_broadcasts() as sent:
        with transaction.atomic():
            publish(
                workspace.pk, [Frame("inbox", "a"), Frame("thread:1", "b"), Frame("inbox", "c", {"x": 1})]
            )
            assert sent == []
        with transaction.atomic():
            publish(workspace.pk, [Frame("inbox", "d")])
    assert numbers(sent) == [("inbox", 1), ("inbox", 2), ("thread:1", 1), ("inbox", 3)]
    assert sent[0].group == f"live.{workspace.pk}.inbox"
    assert sent[1].group == f"live.{workspace.pk}.thread.1"
    assert sent[0].message["frames"][1] == {"s": "inbox", "k": "c", "d": {"x": 1}, "n": 2}
    with workspace_scope(workspace.pk):
        assert stream_numbers(["inbox", "thread:1", "thread:2"]) == {"inbox": 3, "thread:1": 1, "thread:2": 0}


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_change_leaves_no_number_and_sends_nothing():
    workspace = make_workspace()

    def fail():
        with transaction.atomic():
            publish(workspace.pk, [Frame("inbox", "a")])
            raise LookupError

    with captured_broadcasts() as sent, pytest.raises(LookupError):
        fail()
    assert sent == []
    with workspace_scope(workspace.pk):
        assert not LiveStream.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_publishing_outside_a_transaction_is_refused():
    with pytest.raises(RuntimeError):
        publish(1, [Frame("inbox", "a")])


@pytest.mark.django_db
def test_many_streams_cost_one_statement(django_assert_num_queries):
    workspace = make_workspace()
    with django_assert_num_queries(1):
        publish(workspace.pk, [Frame(f"thread:{n % 50}", "a") for n in range(200)])


@pytest.mark.django_db(transaction=True)
def test_streams_of_two_workspaces_do_not_meet():
    one, two = make_workspace("one"), make_workspace("two")
    with captured_broadcasts() as sent:
        for workspace in (one, two):
            with transaction.atomic():
                publish(workspace.pk, [Frame("inbox", "a")])
    assert numbers(sent) == [("inbox", 1), ("inbox", 1)]
    assert sent[0].group != sent[1].group


@pytest.mark.django_db(transaction=True)
def test_a_whisper_carries_no_number():
    with captured_broadcasts() as sent:
        whisper(7, "thread:1", "typing", {"user_id": 3})
    assert sent[0].message["frames"] == [{"s": "thread:1", "k": "typing", "d": {"user_id": 3}}]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_transactions_at_once_share_out_the_numbers():
    workspace = make_workspace()
    barrier = threading.Barrier(2)
    results = []

    def work():
        try:
            with captured_broadcasts() as sent:
                barrier.wait(5)
                for _ in range(25):
                    with transaction.atomic():
                        publish(workspace.pk, [Frame("inbox", "a"), Frame("inbox", "b")])
            results.append(numbers(sent))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for part in results for _, number in part) == list(range(1, 101))
