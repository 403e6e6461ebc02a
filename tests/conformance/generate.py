"""Writes docs/conformance.md; run by `make conformance`."""

from __future__ import annotations

import sys

from tests.conformance.rules import TABLE, load, table


def main() -> int:
    """Write the table and say what is wrong with it."""
    found = load()
    TABLE.write_text(table(found))
    sys.stdout.write("".join(f"{fault}\n" for fault in found.faults))
    sys.stdout.write(f"{TABLE.name}: {len(found.rules)} rules, {len(found.faults)} faults\n")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
