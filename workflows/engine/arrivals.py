"""What calls brought back, and how it is put together to be written down: many answers, one transaction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings

from workflows.contract import Answer
from workflows.engine.calls import Key, PendingCall, Returned
from workflows.engine.claims import Claim


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a call brought back, and when by the monotonic clock."""

    call: PendingCall
    answer: Answer
    at: float


@dataclass(frozen=True, slots=True)
class Landing:
    """Answers for runs of one workspace, and the right to write them down."""

    claim: Claim
    answers: dict[int, Returned]

    def key(self, run_id: int) -> Key:
        """The key of the call that was made for this run."""
        return run_id, self.answers[run_id].seq, self.claim.tokens[run_id]


def landings(arrivals: Iterable[Arrival]) -> list[Landing]:
    """Those of one workspace together, no more than a batch, and of one run no two in the same."""
    groups: defaultdict[tuple[int, int], list[Arrival]] = defaultdict(list)
    of_run: Counter[int] = Counter()
    for one in arrivals:
        groups[one.call.workspace_id, of_run[one.call.run_id]].append(one)
        of_run[one.call.run_id] += 1
    size = settings.ISFLOW_BATCH
    return [
        _landing(workspace_id, group[start : start + size])
        for (workspace_id, _nth), group in groups.items()
        for start in range(0, len(group), size)
    ]


def _landing(workspace_id: int, arrivals: Sequence[Arrival]) -> Landing:
    calls = [one.call for one in arrivals]
    contacts = {call.run_id: call.contact_id for call in calls}
    tokens = {call.run_id: call.token for call in calls}
    answers = {one.call.run_id: Returned(one.call.seq, one.answer) for one in arrivals}
    return Landing(Claim(workspace_id, contacts, tokens), answers)
