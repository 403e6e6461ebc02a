"""Everything a batch of bursts needs, with one query per kind; the rows it will change are locked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, OuterRef, Subquery

from channels_app.contract import adapters
from channels_app.models import Channel
from contacts.fields import STANDARD_SPECS
from contacts.models import Contact, ContactField, ContactIdentity, ContactTag
from conversations.models import Conversation, Message
from isflow.workspaces.models import Membership
from workflows.contract import ChannelView, ContactView, ConversationView, Need, Snapshot, UserView
from workflows.engine.claims import Claim
from workflows.models import ACTIVE, Run, StepExecution, Wait

STANDARD_KINDS = {spec.key: spec.kind for spec in STANDARD_SPECS.values()}


@dataclass(frozen=True, slots=True)
class Locked:
    """The runs of a claim that may be worked on now, and those whose contact somebody else holds."""

    runs: tuple[Run, ...]
    contacts: dict[int, Contact]
    busy: tuple[int, ...]


def lock(claim: Claim, *, is_patient: bool = False) -> Locked:
    """Lock the contacts of a claim's runs, then the runs that still carry the claim's tokens.

    ``is_patient``: wait for contacts that others hold, because what is to be written must not be lost.
    """
    contacts = {
        contact.pk: contact
        for contact in Contact.objects.select_for_update(skip_locked=not is_patient, no_key=True)
        .filter(pk__in=set(claim.contacts.values()))
        .order_by("pk")
    }
    free = [run_id for run_id, contact_id in claim.contacts.items() if contact_id in contacts]
    runs = (
        Run.objects.select_for_update(no_key=True, of=("self",))
        .annotate(
            workflow_name=F("workflow__name"),
            workflow_status=F("workflow__status"),
            workspace_name=F("workspace__name"),
            timezone=F("workspace__timezone"),
        )
        .filter(pk__in=free, lease_token__in=set(claim.tokens.values()), status__in=ACTIVE)
        .order_by("pk")
    )
    mine = tuple(run for run in runs if run.lease_token == claim.tokens[run.pk])
    busy = tuple(run_id for run_id, contact_id in claim.contacts.items() if contact_id not in contacts)
    return Locked(mine, contacts, busy)


def pending_waits(runs: Collection[Run]) -> dict[int, Wait]:
    """The wait that each waiting run stands at, by run id."""
    ids = [run.pk for run in runs if run.phase == Run.Phase.WAIT]
    if not ids:
        return {}
    waits = Wait.objects.filter(run__in=ids, seq=F("run__seq")).exclude(status=Wait.Status.CANCELLED)
    return {wait.run_id: wait for wait in waits.order_by("pk")}


def pending_visits(runs: Collection[Run]) -> dict[int, StepExecution]:
    """The unfinished journal row of each waiting or calling run, by run id."""
    ids = [run.pk for run in runs if run.phase != Run.Phase.ENTER]
    if not ids:
        return {}
    rows = StepExecution.objects.filter(run__in=ids, seq=F("run__seq"))
    return {row.run_id: row for row in rows}


def snapshots(contacts: Collection[Contact], needs: Collection[Need], at: datetime) -> dict[int, Snapshot]:
    """What steps may see of these contacts; parts nobody needs are left out and cost nothing."""
    ids = [contact.pk for contact in contacts]
    tags = _tags(ids) if Need.TAGS in needs else {}
    channels = _channels(ids, at) if Need.CHANNELS in needs else {}
    talks = _conversations(ids) if Need.CONVERSATION in needs else {}
    users = _users() if Need.ASSIGNEE in needs else {}
    fields = list(ContactField.objects.values_list("slug", "kind", "options")) if Need.FIELDS in needs else []
    kinds = {**STANDARD_KINDS, **{slug: kind for slug, kind, _ in fields}}
    options = {slug: tuple(listed) for slug, kind, listed in fields if kind == ContactField.Kind.LIST}
    return {
        contact.pk: Snapshot(
            contact=ContactView(
                id=contact.pk,
                values={
                    **contact.custom,
                    **{slug: getattr(contact, column) for slug, column in Contact.STANDARD.items()},
                },
                kinds=kinds,
                options=options,
                tags=tags.get(contact.pk, {}),
                assignee_id=contact.assignee_id,
                assignee=users.get(contact.assignee_id or 0),
                channels=channels.get(contact.pk, ()),
                last_channel_id=contact.last_channel_id,
                last_incoming_text=contact.last_incoming_text,
                last_incoming_at=contact.last_incoming_at,
                created_at=contact.created_at,
                is_blocked=contact.is_blocked,
            ),
            conversation=talks.get(contact.pk, ConversationView()),
            users=users,
        )
        for contact in contacts
    }


def _tags(ids: Collection[int]) -> dict[int, dict[int, str]]:
    tags: defaultdict[int, dict[int, str]] = defaultdict(dict)
    rows = ContactTag.objects.filter(contact__in=ids).values_list("contact_id", "tag_id", "tag__name")
    for contact_id, tag_id, name in rows:
        tags[contact_id][tag_id] = name
    return tags


def _channels(ids: Collection[int], at: datetime) -> dict[int, tuple[ChannelView, ...]]:
    found: defaultdict[int, list[ChannelView]] = defaultdict(list)
    identities = (
        ContactIdentity.objects.filter(contact__in=ids)
        .select_related("channel")
        .defer("channel__config")
        .order_by("pk")
    )
    for identity in identities:
        if identity.channel.kind in adapters:
            found[identity.contact_id].append(_channel_view(identity, at))
    return {contact_id: tuple(views) for contact_id, views in found.items()}


def _channel_view(identity: ContactIdentity, at: datetime) -> ChannelView:
    channel = identity.channel
    able = adapters.get(channel.kind).capabilities
    wrote = identity.last_incoming_at
    in_window = able.window_hours is None or (
        wrote is not None and at < wrote + timedelta(hours=able.window_hours)
    )
    return ChannelView(
        id=channel.pk,
        kind=channel.kind,
        name=channel.name,
        identity_id=identity.pk,
        connected=channel.status != Channel.Status.DISCONNECTED,
        instant=able.instant,
        max_buttons=able.max_buttons,
        max_list_rows=able.max_list_rows,
        text_limit=able.text_limit,
        window_open=in_window,
        has_subject=able.has_subject,
    )


def _conversations(ids: Collection[int]) -> dict[int, ConversationView]:
    counts: dict[int, int] = dict(
        Conversation.objects.filter(contact__in=ids)
        .values("contact_id")
        .annotate(total=Count("pk"))
        .values_list("contact_id", "total")
    )
    latest = Conversation.objects.filter(contact__in=ids, is_latest=True).values_list(
        "contact_id", "pk", "status", "channel_id"
    )
    spoke = _last_outgoing(ids)
    return {
        contact_id: ConversationView(
            id=pk,
            is_open=status == Conversation.Status.OPEN,
            count=counts.get(contact_id, 0),
            channel_id=channel_id,
            last_outgoing_source=spoke.get(contact_id, ""),
        )
        for contact_id, pk, status, channel_id in latest
    }


def _last_outgoing(ids: Collection[int]) -> dict[int, str]:
    """Who spoke last for the business, by contact; one statement whatever their number."""
    newest = (
        Message.objects.filter(contact=OuterRef("pk"), direction=Message.Direction.OUT)
        .order_by("-pk")
        .values("source")[:1]
    )
    rows = Contact.objects.filter(pk__in=ids).values_list("pk", Subquery(newest))
    return {contact_id: source or "" for contact_id, source in rows}


def _users() -> dict[int, UserView]:
    """All members: an assignment made in the burst shows who it is."""
    return {
        member.user_id: UserView(
            id=member.user_id,
            name=member.user.name,
            first_name=member.user.first_name,
            last_name=member.user.last_name,
            email=member.user.email,
            team=member.team.name if member.team else "",
            presence=member.presence,
        )
        for member in Membership.objects.select_related("user", "team")
    }
