from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection, transaction

from isflow.infra import db
from isflow.infra.db import compare_and_set, is_postgres, require_atomic, update_many
from tests.infra.samples import Sample, Shape

NOW = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=UTC)


def test_only_the_first_of_two_changes_wins(samples):
    mine, other = Sample.objects.get(pk=samples[0].pk), Sample.objects.get(pk=samples[0].pk)

    assert compare_and_set(mine, status_in=["new"], status="taken", order=1)
    assert not compare_and_set(other, status_in=["new"], status="taken", order=2)

    assert (mine.status, mine.order) == ("taken", 1)
    assert (other.status, other.order) == ("new", 0)
    assert Sample.objects.get(pk=mine.pk).order == 1


def test_a_status_generator_may_be_used_once(samples):
    assert compare_and_set(samples[0], status_in=(status for status in ("new", "old")), status="taken")


@pytest.mark.django_db(transaction=True)
def test_code_that_needs_a_transaction_says_so():
    with pytest.raises(RuntimeError):
        require_atomic()
    with transaction.atomic():
        require_atomic()


def test_the_database_is_known(db):
    assert is_postgres() == (connection.vendor == "postgresql")


def test_every_kind_of_value_arrives(samples):
    token = uuid.uuid4()
    fields = ["token", "note", "data", "at", "done", "price", "shape", "secret", "order"]
    first, second, *rest = samples
    hostile = {"text": "it's %s %% \\ \" 🎈", "none": None}

    changed = update_many(
        Sample,
        "id",
        fields,
        [
            (first.pk, None, "", None, None, False, None, Shape(), "", 0),
            (second.pk, token, "a'%s", hostile, NOW, True, Decimal("1.50"), Shape(size=3), "hush", 2**31 - 1),
        ],
    )

    assert sorted(changed) == [first.pk, second.pk]
    got = Sample.objects.get(pk=second.pk)
    assert [getattr(got, name) for name in fields] == [
        token, "a'%s", hostile, NOW, True, Decimal("1.50"), Shape(size=3), "hush", 2**31 - 1,
    ]  # fmt: skip
    got = Sample.objects.get(pk=first.pk)
    assert [getattr(got, name) for name in fields] == [None, "", None, None, False, None, Shape(), "", 0]
    assert [Sample.objects.get(pk=row.pk).note for row in rest] == ["2", "3", "4"]


@pytest.mark.parametrize("turned", [False, True])
def test_nulls_in_the_first_row_do_not_spoil_the_types(samples, turned):
    rows = [(samples[0].pk, None, None, None), (samples[1].pk, {"a": 1}, NOW, Decimal("2.25"))]
    update_many(Sample, "id", ["data", "at", "price"], rows[::-1] if turned else rows)
    got = Sample.objects.get(pk=samples[1].pk)
    assert (got.data, got.at, got.price) == ({"a": 1}, NOW, Decimal("2.25"))


def test_a_row_with_another_fence_is_left_alone(samples):
    mine, theirs = uuid.uuid4(), uuid.uuid4()
    Sample.objects.filter(pk=samples[0].pk).update(token=mine)
    Sample.objects.filter(pk=samples[1].pk).update(token=theirs)

    rows = [(row.pk, mine, "x") for row in samples[:3]]
    assert update_many(Sample, "id", ["note"], rows, fence=["token"]) == [samples[0].pk]

    assert list(Sample.objects.order_by("pk").values_list("note", flat=True)) == ["x", "1", "2", "3", "4"]


def test_shared_conditions_narrow_the_rows(samples):
    Sample.objects.filter(pk=samples[0].pk).update(status="old")
    Sample.objects.filter(pk=samples[1].pk).update(token=uuid.uuid4())
    rows = [(row.pk, "x") for row in samples[:3]]
    changed = update_many(Sample, "id", ["note"], rows, where={"status": "new", "token": None})
    assert changed == [samples[2].pk]


def test_keys_come_back_as_python_values(samples):
    token = uuid.uuid4()
    Sample.objects.filter(pk=samples[0].pk).update(token=token)
    assert update_many(Sample, "token", ["note"], [(token, "x")]) == [token]


def test_no_rows_need_no_statement(samples, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert update_many(Sample, "id", ["note"], []) == []


def test_many_rows_take_one_statement(samples, django_assert_num_queries):
    rows = [(row.pk, f"n{n}") for n, row in enumerate(samples)]
    with django_assert_num_queries(1):
        assert len(update_many(Sample, "id", ["note"], rows)) == 5
    assert [row.note for row in Sample.objects.order_by("pk")] == ["n0", "n1", "n2", "n3", "n4"]


def test_too_many_values_are_split(samples, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(db, "MAX_PARAMETERS", 5)
    rows = [(row.pk, "x") for row in samples]
    with django_assert_num_queries(3):
        assert len(update_many(Sample, "id", ["note"], rows, where={"status": "new"})) == 5


def test_the_largest_statement_is_accepted(samples):
    rows = [(samples[0].pk + n, "x", False) for n in range(db.MAX_PARAMETERS // 3)]
    assert len(update_many(Sample, "id", ["note", "done"], rows)) == 5


def test_a_row_of_the_wrong_length_is_refused(samples):
    with pytest.raises(ValueError, match="zip"):
        update_many(Sample, "id", ["note"], [(1, "x", "y")])


@pytest.mark.postgres
def test_text_that_is_too_long_is_refused_rather_than_cut(samples):
    with pytest.raises(Exception, match="too long"), transaction.atomic():
        update_many(Sample, "id", ["note"], [(samples[0].pk, "too long")])
