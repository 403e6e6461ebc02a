"""Bringing stored documents up to the format of today, one pure function per format number.

A function here takes a document of its number and returns one of the next. Documents are migrated when
they are read; what is stored stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from isflow.kernel.errors import Rejected

FORMAT = 1
"""The format that this version of isflow writes."""

Document = dict[str, Any]
Migration = Callable[[Document], Document]

MIGRATIONS: Mapping[int, Migration] = {}
"""By the number they start from. Key 1 leads to format 2, and so on without a gap."""


def migrate(document: Document, migrations: Mapping[int, Migration] = MIGRATIONS, to: int = FORMAT) -> Document:
    """Return the document in format ``to``; Rejected for a format nobody knows."""
    number = document.get("format")
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise Rejected("The document does not say its format.", code="invalid_document")
    if number > to:
        raise Rejected(
            f"The document has format {number}; this isflow reads formats up to {to}.", code="invalid_document"
        )
    for step in range(number, to):
        document = {**migrations[step](document), "format": step + 1}
    return document
