"""The rows of a measurement, each beside its floor and goal."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path


class Report:
    """Collects rows and says whether the measurement itself went well (not whether goals were met)."""

    def __init__(self):
        self.rows = []
        self.is_sound = True

    def add(self, key, what, value, unit, *, goal="", floor="", note=""):  # noqa: PLR0913 - columns
        """One figure; progress goes to standard error by way of the caller's terminal."""
        shown = round(value, 2) if isinstance(value, float) else value
        row = {
            "id": key,
            "what": what,
            "value": shown,
            "unit": unit,
            "goal": goal,
            "floor": floor,
            "note": note,
        }
        self.rows.append(row)
        os.write(2, f"{key:<5} {what}: {shown} {unit}\n".encode())

    def fail(self, what):
        """Something did not complete: the figures beside it mean nothing."""
        self.is_sound = False
        self.add("!", what, "failed", "")

    def table(self):
        """Markdown, as docs/benchmarks.md has it."""
        lines = ["| # | What | Measured | Goal | Floor in the same run | |", "|---|---|---|---|---|---|"]
        for row in self.rows:
            measured = f"{row['value']} {row['unit']}"
            cells = (row["id"], row["what"], measured, row["goal"], row["floor"], row["note"])
            lines.append(f"| {' | '.join(map(str, cells))} |")
        return "\n".join(lines)


def machine():
    """Where and when."""
    model = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ""
    )
    return {
        "at": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime()),
        "processor": model or platform.processor(),
        "cores": os.cpu_count(),
        "load": [round(value, 2) for value in os.getloadavg()],
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def _lines(path):
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
