"""What the inbox takes from a browser, checked once at the border."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext as _

from isflow.kernel.errors import Rejected

TABS: Final = ("all", "mine", "unassigned")
STATUSES: Final = ("open", "closed")
MAX_TEXT: Final = 2000
MAX_SEARCH: Final = 100
MAX_ID: Final = 2**63 - 1
_CURSOR: Final = re.compile(
    r"20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,6})?\+00:00(\|\d{1,2})?\|\d{1,18}", re.ASCII
)
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{8,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ListView:
    """How the list is filtered; anything unknown falls back to the first choice."""

    tab: str
    status: str
    q: str

    @classmethod
    def of(cls, query: QueryDict, *, everything: bool) -> ListView:
        """Read the filter; who sees only some contacts begins with their own."""
        tab, status = query.get("tab", ""), query.get("status", "")
        return cls(
            tab=tab if tab in TABS else "all" if everything else "mine",
            status=status if status in STATUSES else "open",
            q=query.get("q", "").replace("\x00", "").strip()[:MAX_SEARCH],
        )

    def query(self, **changes: str) -> str:
        """Return the filter as the query of an address."""
        values = {"tab": self.tab, "status": self.status, "q": self.q, **changes}
        return "?" + urlencode({name: value for name, value in values.items() if value})


def cursor(text: str | None) -> str | None:
    """Return a cursor that has the right shape, else None: from the top."""
    return text if text and _CURSOR.fullmatch(text) else None


def message_text(posted: QueryDict) -> str:
    """Return the text somebody wrote, without blanks around it."""
    text = posted.get("text", "").replace("\x00", "").replace("\r\n", "\n").strip()
    if not text:
        raise Rejected(_("Write something first."))
    if len(text) > MAX_TEXT:
        raise Rejected(_("A message may have at most 2,000 characters."))
    return text


def message_key(posted: QueryDict, *, workspace_id: int, user_id: int) -> str:
    """Return the name under which this is stored at most once; one user cannot use up another's names."""
    key = posted.get("key", "")
    if not _KEY.fullmatch(key):
        raise Rejected(_("This form is out of date. Load the page again."))
    return f"i{workspace_id}.{user_id}.{key}"[:64]


def number(text: str | None) -> int | None:
    """Return a whole number a database can hold, else None."""
    if not text or not (text.isascii() and text.isdecimal()) or len(text) > len(str(MAX_ID)):
        return None
    return int(text) if int(text) <= MAX_ID else None
