"""What becomes of a contact's passages when it is merged into another."""

from __future__ import annotations

from isflow.infra.db import require_atomic
from workflows.engine.clock import now
from workflows.engine.exits import eject
from workflows.models import ACTIVE, Enrolment, Event, Run, Wait


def runs_follow_merge(*, primary_id: int, secondary_id: int) -> None:
    """Let the secondary's runs go on for the primary; where the primary is inside already they end.

    The caller holds the locks of both contacts. The primary inherits all enrolments, so that "once per
    contact" counts both histories; undecided events are decided for the primary.
    """
    require_atomic()
    inside = set(
        Run.objects.filter(contact=primary_id, status__in=ACTIVE).values_list("workflow_id", flat=True)
    )
    theirs = Run.objects.filter(contact=secondary_id, status__in=ACTIVE)
    eject(theirs.filter(workflow__in=inside), reason="merged")
    moving = list(theirs.select_for_update(no_key=True).values_list("pk", flat=True))
    # A worker that holds one of them finds its token gone and writes nothing for the old contact.
    Run.objects.filter(pk__in=moving).update(contact=primary_id)
    Run.objects.filter(pk__in=moving, lease_until__isnull=False).update(
        lease_token=0, lease_until=None, wake_at=now()
    )
    Wait.objects.filter(run__in=moving).update(contact=primary_id)
    Event.objects.filter(contact=secondary_id, is_pending=True).update(contact=primary_id)
    known = Enrolment.objects.filter(contact=primary_id).values("workflow_id")
    Enrolment.objects.filter(contact=secondary_id).exclude(workflow__in=known).update(contact=primary_id)
