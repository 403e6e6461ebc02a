"""What came of a chaos run: figures, violations, a table for people and a file for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.chaos import aftermath, invariants
from tests.chaos.ledger import Ledger

SILENCE_LIMIT = 15
SHOWN = 8


@dataclass(frozen=True)
class Times:
    """Begin and end of the feeding (seconds since 1970), and how long things took; None: for ever."""

    begun: float
    fed: float
    drained: float | None
    longest_restart: float


@dataclass(frozen=True)
class Evidence:
    """What is judged: the play with all its parts, the world outside, and what was left undone."""

    trial: Any
    play: Any
    world: dict
    times: Times
    left: dict


@dataclass
class Result:
    """The verdict."""

    trial: Any
    violations: dict = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    blows: list = field(default_factory=list)
    samples: list = field(default_factory=list)

    @property
    def is_good(self):
        return not any(self.violations.values())

    def table(self):
        lines = [f"chaos: seed {self.trial.seed}", ""]
        for name, value in self.figures.items():
            lines.append(f"{name:<34} {value}")
        lines.append("")
        for name, found in self.violations.items():
            lines.append(f"{name:<34} {'ok' if not found else f'{len(found)} VIOLATIONS'}")
            lines += [f"    {sentence}" for sentence in found[:SHOWN]]
        return "\n".join([*lines, "", "GOOD" if self.is_good else "BAD", ""])

    def keep(self, folder):
        """Write everything as JSON; the file."""
        folder.mkdir(parents=True, exist_ok=True)
        trial = self.trial
        kind = "rolling" if trial.is_rolling else trial.planted or "chaos"
        path = folder / f"{kind}-seed{trial.seed}-runs{trial.runs}.json"
        path.write_text(json.dumps({"is_good": self.is_good, **asdict(self)}, indent=1), encoding="utf-8")
        return path


def judge(given):
    """Look at what is left."""
    trial, play, world, times = given.trial, given.play, given.world, given.times
    ledger = Ledger(play.cluster.dsn, play.site, play.feeders.taken, world)
    unknown = aftermath.unknown_summary(ledger)
    result = Result(trial, invariants.check(ledger))
    found = result.violations
    found["I16 logs and memory"] = [
        *aftermath.logs_clean(play.cluster.logs(), play.site["canaries"]),
        *aftermath.memory_bounded(play.samples),
    ]
    silence = aftermath.longest_silence(world, times.begun, times.fed)
    found["progress within 15 s"] = [f"silence for {silence:.1f} s"] if silence > SILENCE_LIMIT else []
    found[f"drained within {trial.drain_limit} s"] = [str(given.left)] if times.drained is None else []
    found["nothing grows"] = list(play.samples.growing())
    if trial.is_rolling:
        found["no lease lost"] = [f"run {row['run']}" for row in ledger.lost_leases]
        found["no unknown outcome"] = [str(row) for row in unknown["list"]]
        errors, cut = play.feeders.server_errors, play.feeders.client.cut_off
        found["every request answered"] = [f"{errors} answers 5xx, {cut} cut off"] if errors or cut else []
    result.blows = [str(blow) for _, blow in play.nemesis.dealt]
    result.samples = play.samples.taken
    result.figures = _figures(given, ledger, unknown, silence)
    folder = play.cluster.folder
    lines = [f"{pk}: {error}" for pk, error in unknown["list"]]
    (folder / "unknown.txt").write_text("\n".join(lines), encoding="utf-8")
    (folder / "world.json").write_text(json.dumps(world), encoding="utf-8")
    return result


def _figures(given, ledger, unknown, silence):
    play, times = given.play, given.times
    feeders, dealt = play.feeders, play.nemesis.dealt
    own = sum(not run["parent_run_id"] for run in ledger.runs)
    seconds = times.fed - times.begun
    figures = {
        "runs asked for / made / children": f"{feeders.fed} / {own} / {len(ledger.runs) - own}",
        "requests acknowledged / made": f"{len(feeders.taken)} / {feeders.attempts}",
        "events": len(ledger.events),
        "blows": f"{len(dealt)}: {_listed(play.nemesis.by_kind())}",
        "seconds of feeding": f"{seconds:.0f}",
        "seconds of draining": "never" if times.drained is None else f"{times.drained:.1f}",
        "runs per second": f"{len(ledger.runs) / seconds:.1f}",
        "longest silence, s": f"{silence:.1f}",
        "recovery after a blow, max, s": f"{aftermath.slowest_recovery(given.world, dealt, times.fed):.1f}",
        **aftermath.timers(ledger),
        "leases lost": len(ledger.lost_leases),
        "answers 5xx / requests cut off": f"{feeders.server_errors} / {feeders.client.cut_off}",
        "agents' pages": play.agents.figures(),
        "sends": unknown["sends"],
        "unknown: killed in flight": unknown["interrupted"],
        "unknown: left open by provider": unknown["left open"],
        "unknown calls": unknown["unknown calls"],
        "memory, MB at most": _listed({n: f"{s:.0f}" for n, s in play.samples.highest_memory.items()}),
        "CPU, s": _listed({n: f"{s:.0f}" for n, s in play.samples.cpu().items()}),
    }
    if given.trial.is_rolling:
        figures["visitors' requests"] = feeders.looks
        figures["longest restart, s"] = f"{times.longest_restart:.1f}"
    return figures


def _listed(values):
    return ", ".join(f"{name} {value}" for name, value in sorted(values.items()))
