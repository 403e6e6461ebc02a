"""Add up JUnit reports and print one line in pytest's manner; exit 1 when anything failed."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET  # the reports are our own
from pathlib import Path


def main(folder: Path, seconds: int, broken_steps: list[str]) -> int:
    """Print the totals of every report in the folder; a broken step counts as one failure."""
    total = failed = skipped = 0
    for report in sorted(folder.glob("*.xml")):
        cases = list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314
        bad = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
        idle = [case for case in cases if case.find("skipped") is not None]
        good = len(cases) - len(bad) - len(idle)
        print(f"{report.stem:<12} {good} passed, {len(bad)} failed, {len(idle)} skipped")
        for case in bad:
            print(f"  FAILED {case.get('classname')}::{case.get('name')}")
        total += len(cases)
        failed += len(bad)
        skipped += len(idle)
    for step in broken_steps:
        print(f"  BROKEN {step}")
    passed = total - failed - skipped
    # A step may break without a failing test (a check, a crash, a time limit).
    failed = max(failed, len(broken_steps))
    print(f"=== {passed} passed, {failed} failed in {seconds}s ===")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
