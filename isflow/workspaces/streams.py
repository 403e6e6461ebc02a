"""The live streams of this app: what one person is told, and who of the team is there."""

from __future__ import annotations

from isflow.workspaces.live import register_stream
from isflow.workspaces.models import Membership
from isflow.workspaces.presence import STREAM as PRESENCE


def _is_self(membership: Membership, argument: str) -> bool:
    return argument == str(membership.user_id)


def _any_member(membership: Membership, argument: str) -> bool:
    return bool(membership.pk) and not argument


register_stream("user", _is_self)
register_stream(PRESENCE, _any_member)
