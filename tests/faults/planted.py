"""Bugs to be put into the engine on purpose: a check that does not notice them is no check."""

from __future__ import annotations

from django.utils import timezone

from conversations import outcomes
from conversations.models import Message
from isflow.workspaces.scope import all_workspaces
from tests.faults import player
from workflows.engine import runner
from workflows.engine.interpreter import Entry
from workflows.models import Run


def plant(bug):
    """Put one of BUGS in place, in this process."""
    BUGS[bug]()


def call_again():
    """A call whose outcome nobody knows is simply made once more."""
    entry_of = runner._entry

    def careless(run, wait, visit, answer):
        if run.phase == Run.Phase.CALL and answer is None and visit is not None:
            return Entry(again=True, started_at=visit.started_at, details=visit.details)
        return entry_of(run, wait, visit, answer)

    runner._entry = careless


def send_again():
    """A message whose claim was lost is put back into the queue."""

    def careless():
        with all_workspaces():
            lost = Message.objects.filter(status="sending", lease_until__lt=timezone.now())
            return lost.update(status="queued")

    outcomes.messages_recover = player.messages_recover = careless


def forget_lost_leases():
    """Nobody looks at runs again whose worker died."""
    claim = runner.work

    def careless(given):
        with all_workspaces():
            Run.objects.filter(pk__in=given.contacts).update(wake_at=None)
        claim(given)

    from workflows.engine import pull  # noqa: PLC0415 - only here, it is patched

    pull.work = careless


BUGS = {"call_again": call_again, "send_again": send_again, "forget_lost_leases": forget_lost_leases}
