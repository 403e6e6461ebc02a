"""Prepared queries find what the ordinary query finds, with one SQL for all values."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Count
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels_app.models import Channel, InboundDelivery
from channels_app.services import delivery_store
from isflow.infra.prepared import Among, Given, Prepared, every
from isflow.workspaces.scope import all_workspaces

NAMED = Prepared(
    lambda: every(Channel).filter(Among("name", "names"), workspace_id=Given("workspace")).order_by("pk")
)
SINCE = Prepared(
    lambda: (
        every(InboundDelivery).filter(received_at__gte=Given("at")).select_related("channel").order_by("pk")
    )
)


@pytest.fixture
def bodies(channel):
    return [delivery_store(channel=channel, body=str(number).encode()) for number in range(3)]


def names_of(rows):
    return [row.name for row in rows]


def test_lists_of_any_length_are_values_never_sql(workspace, scope):
    awkward = ["A", "it's", "100 %", "{b,c}", 'a "quote"', "back\\slash", "Ä"]
    made = [Channel.objects.create(workspace=workspace, kind="test", name=name) for name in awkward]
    for number in range(len(made) + 1):
        assert names_of(NAMED(workspace=workspace.pk, names=awkward[:number])) == awkward[:number]
    assert NAMED(workspace=workspace.pk, names={"B"}) == []


def test_another_workspace_gets_nothing(workspace, other_workspace, scope):
    Channel.objects.create(workspace=workspace, kind="test", name="A")
    assert NAMED(workspace=other_workspace.pk, names=["A"]) == []


def test_rows_are_as_the_ordinary_query_gives_them(bodies):
    at = timezone.now() - timedelta(minutes=1)
    with all_workspaces():
        ordinary = list(InboundDelivery.objects.select_related("channel").order_by("pk"))
        with CaptureQueriesContext(connection) as queries:
            found = SINCE(at=at)
            assert [one.channel.config for one in found] == [one.channel.config for one in ordinary]
    assert len(queries) == 1
    fields = [field.attname for field in InboundDelivery._meta.concrete_fields if field.name != "body"]
    for one, other in zip(found, ordinary, strict=True):
        assert [getattr(one, name) for name in fields] == [getattr(other, name) for name in fields]
        assert bytes(one.body) == bytes(other.body)
        assert not one._state.adding
    assert SINCE(at=timezone.now() + timedelta(minutes=1)) == []


def test_values_come_as_tuples_in_the_order_asked_for(channel, bodies):
    counted = Prepared(
        lambda: every(InboundDelivery).values_list("status", "channel_id").annotate(number=Count("pk"))
    )
    assert counted() == [("received", channel.pk, 3)]
    moments = Prepared(lambda: every(InboundDelivery).order_by("pk").values_list("received_at", "pk")[:1])
    assert moments() == [(bodies[0].received_at, bodies[0].pk)]
