"""What a list of the inbox holds on an agent's screen, by the rules of static/ui/inbox_list.js."""

from __future__ import annotations


class Rows:
    """What the list on the page holds: the rows of its view, as far as they have been loaded."""

    def __init__(self, status):
        self.status = status
        self.rows = {}
        self.has_more = False

    def take(self, row):
        """A row came: it is shown anew, or no longer."""
        contact = row["contact"]
        if row["status"] != self.status or row["blocked"]:
            self.rows.pop(contact, None)
        elif contact in self.rows or not self.has_more or self._reaches(row):
            self.rows[contact] = row

    def _reaches(self, row):
        """Whether it belongs above the last row that has been loaded; what lies beyond is not shown."""
        return any(shown["at"] <= row["at"] for shown in self.rows.values())

    def replace(self, page):
        self.rows = {row["contact"]: row for row in page["rows"]}
        self.has_more = page["cursor"] is not None

    def shown(self):
        """All rows, newest first."""
        return sorted(self.rows.values(), key=lambda row: (row["at"], row["conversation"]), reverse=True)
