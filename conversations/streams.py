"""The live streams of this app and who may listen: lists of the inbox, threads of single contacts.

``inbox`` carries every contact, ``inbox:user:<id>`` and ``inbox:team:<id>`` only those assigned there.
``visitor:<identity>`` belongs to the widget's own socket; members have no business with it.
"""

from __future__ import annotations

from contacts.models import Contact
from conversations.selectors import may_see
from isflow.workspaces.access import Permission, allowed, inbox_stream
from isflow.workspaces.live import register_stream
from isflow.workspaces.models import Membership

MAX_DIGITS = 18
"""Longer numbers are no ids."""


def connect() -> None:
    """Tell the sockets about the streams; calling it twice is harmless."""
    register_stream("inbox", _may_hear_inbox)
    register_stream("thread", _may_hear_thread, whispers=("typing",))


def _may_hear_inbox(membership: Membership, argument: str) -> bool:
    wanted = f"inbox:{argument}" if argument else "inbox"
    return allowed(membership, Permission.INBOX_VIEW) and wanted == inbox_stream(membership)


def _may_hear_thread(membership: Membership, argument: str) -> bool:
    if (
        not allowed(membership, Permission.INBOX_VIEW)
        or not argument.isdecimal()
        or len(argument) > MAX_DIGITS
    ):
        return False
    contact = Contact.objects.filter(pk=int(argument)).first()
    return contact is not None and may_see(membership, contact)
