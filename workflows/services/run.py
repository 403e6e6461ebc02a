"""What a person does to one run."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from conversations.services import automation_stopped
from isflow.kernel.errors import Conflict
from isflow.workspaces.audit import audit
from workflows.engine.clock import now
from workflows.engine.exits import eject
from workflows.models import Run


@transaction.atomic
def run_stop(*, run: Run) -> None:
    """End a run at once and for good, and say so in the contact's thread. Conflict if it is already over."""
    if not eject(Run.objects.filter(pk=run.pk), reason="stopped_by_user"):
        raise Conflict(_("This run has already ended."))
    audit("run.stopped", target=run.workflow.name, run=run.pk, contact=run.contact_id)
    automation_stopped(contact_id=run.contact_id, workflow=run.workflow.name, at=now())
