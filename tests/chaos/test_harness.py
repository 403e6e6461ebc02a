"""The parts of the harness that can be wrong without anybody noticing."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from itertools import islice
from types import SimpleNamespace

import pytest

from tests.chaos.invariants import keyed_calls
from tests.chaos.nemesis import WEIGHTS, schedule
from tests.chaos.proxy import Line, Near
from tests.chaos.rows import Rows
from tests.chaos.samples import ENOUGH, Samples


def row(contact, at, status="open", **more):
    return {"contact": contact, "conversation": contact, "at": at, "status": status, "blocked": False, **more}


def test_a_seed_replays_its_schedule_and_begins_with_every_kind():
    first, again = (list(islice(schedule(7, 3.0), 60)) for _ in range(2))
    assert first == again
    assert first != list(islice(schedule(8, 3.0), 60))
    assert {blow.kind for blow in first[: len(WEIGHTS)]} == set(WEIGHTS)
    assert all(1.5 <= blow.gap <= 4.5 for blow in first)


def test_a_schedule_keeps_to_the_kinds_it_is_given():
    assert {blow.kind for blow in islice(schedule(7, 3.0, ("kill worker",)), 30)} == {"kill worker"}


def test_a_list_moves_its_rows_and_lets_go_of_those_of_another_status():
    rows = Rows("open")
    for contact, at in ((1, "t1"), (2, "t2"), (1, "t3")):
        rows.take(row(contact, at))
    assert [shown["contact"] for shown in rows.shown()] == [1, 2]
    rows.take(row(1, "t4", status="closed"))
    assert [shown["contact"] for shown in rows.shown()] == [2]


def test_a_list_does_not_show_what_lies_beyond_the_part_that_was_loaded():
    rows = Rows("open")
    rows.replace({"rows": [row(5, "t5"), row(4, "t4")], "cursor": "more"})
    rows.take(row(3, "t3"))
    rows.take(row(6, "t6"))
    assert [shown["contact"] for shown in rows.shown()] == [6, 5, 4]


class Postgres(asyncio.Protocol):
    """Notes what arrives and answers everything."""

    def __init__(self, heard):
        self.heard = heard

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.heard.append(data)
        self.transport.write(b"done")


async def _cut_at_commit():
    loop, heard = asyncio.get_running_loop(), []
    far = await loop.create_server(lambda: Postgres(heard), "127.0.0.1", 0)
    line = Line(far.sockets[0].getsockname()[1])
    near = await loop.create_server(lambda: Near(line), "127.0.0.1", 0)
    port = near.sockets[0].getsockname()[1]
    (reader, writer), (other, idle) = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    writer.write(b"SELECT")
    answers = [await reader.readexactly(4)]
    line.arm()
    writer.write(b"COMMIT\0")
    async with asyncio.timeout(5):
        for cut in (reader, other):
            try:
                answers.append(await cut.read())
            except ConnectionResetError:
                answers.append(b"")
        while len(heard) < 2:  # noqa: ASYNC110 - a fake tells nobody
            await asyncio.sleep(0.01)
    for mine in (writer, idle):
        mine.close()
        with suppress(ConnectionError):
            await mine.wait_closed()
    far.close()
    near.close()
    return heard, answers


def test_a_cut_lets_the_commit_through_but_not_its_answer():
    heard, answers = asyncio.run(_cut_at_commit())
    assert heard == [b"SELECT", b"COMMIT\0"]
    assert answers == [b"done", b"", b""]


def grown(**figures):
    samples = Samples(None, {})
    for number in range(ENOUGH):
        known = {name: value(number) for name, value in figures.items()}
        samples.taken.append({"rss": {"worker": known.pop("worker", 150)}, **known})
    return list(samples.growing())


def test_what_stays_flat_is_no_growth():
    assert grown(connections=lambda n: 30 + n % 5, worker=lambda n: 60 if n % 7 == 0 else 165) == []


def test_what_grows_in_the_last_half_is_told():
    [told] = grown(worker=lambda n: 100 + 4 * n)
    assert told.startswith("worker, MB grew from 2")
    [told] = grown(**{"oldest due, s": lambda n: n})
    assert told.startswith("oldest due")


@pytest.mark.parametrize(("notes", "complaints"), [(None, 1), ([["http_refused", "nobody there"]], 0)])
def test_a_call_that_was_never_made_must_be_told_as_refused(notes, complaints):
    visit = {"run_id": 7, "seq": 5, "kind": "call", "status": "done", "notes": notes}
    ledger = SimpleNamespace(visits=[visit], calls=defaultdict(list))
    assert len(list(keyed_calls(ledger))) == complaints
