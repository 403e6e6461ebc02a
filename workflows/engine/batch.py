"""One run of a batch, with everything its burst needs and everything the burst leaves behind."""

from __future__ import annotations

from dataclasses import dataclass

from workflows.engine.interpreter import Entry, Passage
from workflows.models import Run, StepExecution, Wait


@dataclass(frozen=True, slots=True)
class Work:
    """One locked run. ``entry`` None: it was woken too early and waits on."""

    run: Run
    passage: Passage
    entry: Entry | None
    wait: Wait | None
    visit: StepExecution | None
