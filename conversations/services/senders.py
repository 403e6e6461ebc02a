"""Who writes to us: the identities behind addresses, made with their contacts where an address is new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from channels_app.models import Channel
from contacts.models import Contact, ContactIdentity
from isflow.infra.db import update_many
from isflow.infra.inserts import insert_many
from isflow.infra.prepared import Among, Given, Prepared, every
from isflow.kernel.values import normalise
from isflow.workspaces.scope import current_workspace_id


def identities_for(
    channel: Channel, names: Mapping[str, str]
) -> tuple[dict[str, ContactIdentity], list[int]]:
    """Return the identity under each normalised address, and the ids of the contacts made for new ones.

    ``names``: what the senders call themselves, by address. Must run in a transaction. If two calls race for
    an address, one makes the contact and the other finds it. Nobody is told of the new contacts here.
    """
    found = _stored(channel, names)
    if len(found) == len(names):
        return found, []
    try:
        with transaction.atomic():
            made = _made(channel, {address: name for address, name in names.items() if address not in found})
    except IntegrityError:
        # Somebody made one of them meanwhile; what is visible now includes it.
        return identities_for(channel, names)
    return found | made, [identity.contact_id for identity in made.values()]


def senders_remember(latest: Sequence[tuple[ContactIdentity, str]], at: datetime) -> None:
    """Keep when, where and what each wrote last (identity and text); nobody watches these columns."""
    update_many(
        Contact,
        "id",
        ["last_channel", "last_incoming_at", "last_incoming_text"],
        [(who.contact_id, who.channel_id, at, text[:500]) for who, text in latest],
    )
    update_many(ContactIdentity, "id", ["last_incoming_at"], [(who.pk, at) for who, _ in latest])


def _stored(channel: Channel, names: Mapping[str, str]) -> dict[str, ContactIdentity]:
    rows = _IDENTITIES(workspace=current_workspace_id(), channel=channel.pk, addresses=names)
    return {row.address: row for row in rows}


_IDENTITIES = Prepared(
    lambda: every(ContactIdentity).filter(
        Among("address", "addresses"), workspace_id=Given("workspace"), channel_id=Given("channel")
    )
)


def _made(channel: Channel, names: Mapping[str, str]) -> dict[str, ContactIdentity]:
    """Make contacts and identities, in one order everywhere so that two calls cannot wait for each other."""
    addresses = sorted(names)
    contacts = insert_many(
        [Contact(workspace_id=channel.workspace_id, **_who(address, names[address])) for address in addresses]
    )
    identities = insert_many(
        [
            ContactIdentity(
                workspace_id=channel.workspace_id,
                contact=contact,
                channel=channel,
                address=address,
                display_name=names[address][:200],
            )
            for contact, address in zip(contacts, addresses, strict=True)
        ]
    )
    return dict(zip(addresses, identities, strict=True))


def _who(address: str, display_name: str) -> dict[str, str]:
    """Return what is known of a new contact: names, and the address where it is a phone number or e-mail."""
    first, _, last = display_name.strip().partition(" ")
    known = {"first_name": first[:100], "last_name": last.strip()[:100]}
    for field, kind, sign in (
        ("phone", "phone", address.startswith("+")),
        ("email", "email", "@" in address),
    ):
        if not sign:
            continue
        try:
            known[field] = str(normalise(kind, address))
        except ValueError:
            continue
    return known
