from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.faults.databases import SqliteCopies, postgres_copies
from tests.faults.lane import running_lane
from tests.harness.servers import postgres_server

LANES = 2


class Lanes:
    """Lanes of one kind of database; a test may keep all of them busy."""

    def __init__(self, lanes):
        self._free = list(lanes)
        self._pool = ThreadPoolExecutor(len(lanes))

    def each(self, play, cases):
        """``play(lane, case)`` for every case, as many at a time as there are lanes; the results in order."""
        return list(self._pool.map(lambda case: self.one(play, case), cases))

    def one(self, play, case):
        lane = self._free.pop()
        try:
            with lane.case():
                return play(lane, case)
        finally:
            self._free.append(lane)

    def close(self):
        self._pool.shutdown()


@pytest.fixture(scope="session")
def postgres_lanes(tmp_path_factory):
    with ExitStack() as stack:
        server = stack.enter_context(postgres_server())
        copies = [stack.enter_context(postgres_copies(server)) for _ in range(LANES)]
        yield from _lanes(stack, copies, [tmp_path_factory.mktemp("postgres") for _ in copies])


@pytest.fixture(scope="session")
def sqlite_lanes(tmp_path_factory):
    with ExitStack() as stack:
        folders = [tmp_path_factory.mktemp("sqlite") for _ in range(LANES)]
        yield from _lanes(stack, [SqliteCopies(folder) for folder in folders], folders)


def _lanes(stack, copies, folders):
    lanes = [
        stack.enter_context(running_lane(f"lane-{number}", *given))
        for number, given in enumerate(zip(copies, folders, strict=True))
    ]
    for lane in lanes:
        lane.get_ready()
    together = Lanes(lanes)
    stack.callback(together.close)
    yield together
