"""Loads the demo workspace; a second time it only completes what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from django.db import transaction
from django.utils import timezone

from contacts.models import Contact
from isflow.kernel.actor import Actor, acting_as
from isflow.kernel.errors import Rejected
from isflow.workspaces.scope import workspace_scope
from workflows.demo.crowd import contacts_create
from workflows.demo.drafts import Cast, DemoWorkflow, demo_workflows
from workflows.demo.shop import Shop, shop_create
from workflows.demo.talk import conversations_create
from workflows.models import Workflow
from workflows.services import workflow_create, workflow_publish

SEED: Final = 20_240_229


@dataclass(frozen=True)
class Loaded:
    """The workspace as it stands now; ``faults``: workflows that could not be published, and why."""

    shop: Shop
    was_new: bool
    faults: tuple[str, ...]


def demo_load() -> Loaded:
    """Bring the demo workspace into being."""
    with transaction.atomic():
        shop = shop_create()
        with workspace_scope(shop.workspace.pk), acting_as(_nora(shop)):
            was_new = not Contact.objects.exists()
            if was_new:
                random, now = Random(SEED), timezone.now()  # noqa: S311 - the same demo every time
                conversations_create(shop, contacts_create(shop, random, now), random, now)
            faults = [fault for one in demo_workflows(_cast(shop)) if (fault := _publish(shop, one))]
    return Loaded(shop, was_new, tuple(faults))


def _nora(shop: Shop) -> Actor:
    nora = shop.users["Nora"]
    return Actor(source="user", user_id=nora.pk, name=nora.name)


def _cast(shop: Shop) -> Cast:
    return Cast(
        omar=shop.users["Omar"].pk,
        newsletter=shop.tags["newsletter"].pk,
        order_field=shop.fields["Order number"].slug,
    )


def _publish(shop: Shop, wanted: DemoWorkflow) -> str:
    """Create and publish a workflow unless it is there; what people made of it stays. Empty: all is well."""
    workflow = Workflow.objects.filter(name=wanted.name).first()
    nora = shop.users["Nora"]
    if workflow is None:
        workflow = workflow_create(
            name=wanted.name, description=wanted.description, draft=wanted.draft, user=nora
        )
    elif workflow.published_id is not None:
        return ""
    try:
        workflow_publish(workflow=workflow, user=nora)
    except Rejected as error:
        return f"{wanted.name}: {error.message}"
    return ""
