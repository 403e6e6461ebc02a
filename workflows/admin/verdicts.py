"""What every workflow made of an event, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from workflows.admin import words
from workflows.models import Run, WorkflowVersion, unfold

GOOD = frozenset({"started", words.ANSWERED})
ABOUT_A_RUN = frozenset({words.ANSWERED, words.RUN_ENDED})


@dataclass(frozen=True)
class VerdictLine:
    """One row of a decision. ``version`` is None when a waiting run took the event, or it was deleted."""

    version: WorkflowVersion | None
    name: str
    verdict: str
    why: str
    tone: str
    run: Run | None


def verdict_lines(verdicts: Any, *, runs: Iterable[Run]) -> list[VerdictLine]:
    """Stored verdicts for people, one line for each workflow; ``runs`` came of the event."""
    rows = unfold(verdicts)
    ids = {row[0] for row in rows if isinstance(row[0], int)}
    versions = {
        version.pk: version
        for version in WorkflowVersion.objects.filter(pk__in=ids)
        .select_related("workflow")
        .only("number", "workspace_id", "workflow__name", "workflow__workspace_id")
    }
    started = {run.version_id: run for run in runs}
    named = _named(rows)
    return [_line(row, versions, started, named) for row in rows]


def _named(rows: Iterable[list[Any]]) -> Mapping[int, Run]:
    """The runs that verdicts speak of by number."""
    ids = {number for row in rows if _is_about_a_run(row[1]) and (number := _run_number(row[3]))}
    return Run.objects.select_related("workflow").in_bulk(ids) if ids else {}


def _run_number(reason: Any) -> int:
    digits = str(reason).removeprefix("run ")
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _line(
    row: list[Any],
    versions: Mapping[int, WorkflowVersion],
    started: Mapping[int, Run],
    named: Mapping[int, Run],
) -> VerdictLine:
    version_id, verdict, index, reason = row
    version = versions.get(version_id)
    run = started.get(version_id) if verdict == "started" else None
    why = str(reason or "")
    if _is_about_a_run(verdict):
        run, why = named.get(_run_number(reason)), ""
    elif isinstance(index, int):
        place = _("Condition %(number)d") % {"number": index + 1}
        why = f"{place}: {why}" if why else place
    return VerdictLine(
        version=version,
        name=_name(version, run, verdict),
        verdict=words.say(words.VERDICTS, str(verdict)),
        why=why,
        tone="success" if isinstance(verdict, str) and verdict in GOOD else "muted",
        run=run,
    )


def _name(version: WorkflowVersion | None, run: Run | None, verdict: Any) -> str:
    if version is not None:
        return f"{version.workflow.name} · v{version.number}"
    if run is not None:
        return run.workflow.name
    return _("A waiting run") if _is_about_a_run(verdict) else _("A deleted workflow")


def _is_about_a_run(verdict: Any) -> bool:
    return isinstance(verdict, str) and verdict in ABOUT_A_RUN
