"""The contacts of the demo workspace: drawn from a seeded random source, written in a few statements."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Final

from contacts.models import Contact, ContactIdentity, ContactTag
from isflow.kernel.ids import slugify_name
from workflows.demo.names import BIKES, MAIL_HOSTS, NATIONS, PLANS, WEIGHTS
from workflows.demo.shop import Shop

HOW_MANY: Final = 300


def contacts_create(shop: Shop, random: Random, now: datetime) -> list[Contact]:
    """Write contacts, identities and tags; no events, because nothing of this happens now."""
    contacts = Contact.objects.bulk_create(_contact(shop, random, number) for number in range(HOW_MANY))
    for contact in contacts:
        contact.created_at = now - timedelta(days=random.uniform(31, 200))
    Contact.objects.bulk_update(contacts, ["created_at"])
    ContactIdentity.objects.bulk_create(
        ContactIdentity(
            workspace=shop.workspace,
            contact=contact,
            channel=shop.channel,
            address=f"visitor-{random.getrandbits(64):016x}",
            display_name=contact.name,
        )
        for contact in contacts
    )
    ContactTag.objects.bulk_create(
        ContactTag(workspace=shop.workspace, contact=contact, tag=shop.tags[name])
        for contact in contacts
        for name in _tag_names(random)
    )
    return contacts


def order_number(random: Random) -> str:
    """Make up an order number of the shop."""
    return f"NB-{random.randint(10_000, 99_999)}"


def bike(random: Random) -> str:
    """Choose one of the shop's bikes."""
    return random.choice(BIKES)


def _contact(shop: Shop, random: Random, number: int) -> Contact:
    nation = random.choices(NATIONS, WEIGHTS)[0]
    first_name, last_name = random.choice(nation.first_names), random.choice(nation.last_names)
    mail_name = slugify_name(f"{first_name} {last_name}").replace("_", ".")
    mail_name = mail_name if mail_name.isascii() else "contact"
    has_email, has_phone = random.random() < 0.8, random.random() < 0.6  # noqa: PLR2004
    return Contact(
        workspace=shop.workspace,
        first_name=first_name,
        last_name=last_name,
        email=f"{mail_name}.{number}@{random.choice(MAIL_HOSTS)}" if has_email else "",
        phone=f"{nation.prefix}{random.randint(10_000_000, 99_999_999)}" if has_phone else "",
        country=nation.country,
        language=nation.language,
        custom=_custom(shop, random),
        last_channel=shop.channel,
    )


def _custom(shop: Shop, random: Random) -> dict[str, object]:
    birthday = datetime(1955, 1, 1) + timedelta(days=random.randint(0, 18_000))  # noqa: DTZ001 - a date
    drawn = {
        "Order number": (0.7, order_number(random)),
        "Plan": (0.8, random.choices(PLANS, (60, 25, 10, 5))[0]),
        "Birthday": (0.4, birthday.date().isoformat()),
        "Bikes owned": (0.5, random.randint(1, 5)),
        "Trade customer": (0.1, True),
    }
    return {
        shop.fields[name].slug: value for name, (share, value) in drawn.items() if random.random() < share
    }


def _tag_names(random: Random) -> list[str]:
    shares = {"newsletter": 0.3, "vip": 0.06, "lead": 0.2, "winter sale": 0.12}
    return [name for name, share in shares.items() if random.random() < share]
