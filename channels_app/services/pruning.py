"""How long raw deliveries are kept; those still to be read stay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from channels_app.models import InboundDelivery
from isflow.infra.pruning import deadline, delete_unseen, prune_in_turns
from isflow.workspaces.models import Workspace
from isflow.workspaces.scope import workspace_scope

log = structlog.get_logger(__name__)


def deliveries_prune(is_over: Callable[[], bool] | None = None) -> int:
    """Delete what the workspaces no longer keep, until nothing is left or the time is over."""
    count = prune_in_turns(list(Workspace.objects.order_by("pk")), _batch, is_over or deadline())
    if count:
        log.info("deliveries.pruned", deliveries=count)
    return count


def _batch(workspace: Workspace) -> int:
    before = timezone.now() - timedelta(days=workspace.keep_deliveries_days)
    with workspace_scope(workspace.pk), transaction.atomic():
        read = InboundDelivery.objects.filter(received_at__lt=before).exclude(
            status=InboundDelivery.Status.RECEIVED
        )
        rows = read.order_by("received_at").select_for_update(skip_locked=True)
        ids = sorted(rows.values_list("pk", flat=True)[: settings.ISFLOW_PRUNE_BATCH])
        return delete_unseen(InboundDelivery.objects.filter(pk__in=ids)) if ids else 0
