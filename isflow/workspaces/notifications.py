"""Telling members something: under the bell at once, by e-mail if they wish."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from smtplib import SMTPException
from typing import TYPE_CHECKING, Final

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from isflow.infra.tasks import hint
from isflow.workspaces.live import Frame, publish
from isflow.workspaces.models import Membership, Notification, Role
from isflow.workspaces.scope import all_workspaces, workspace_scope

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

HINT: Final = "notify"
MAIL_BATCH: Final = 50
MAIL_DAYS: Final = 1
"""A notification that could not be mailed for this long is old news."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class NotificationKind:
    """Something members may be told of, and how unless they choose otherwise."""

    key: str
    label: _StrOrPromise
    email: bool


KINDS: dict[str, NotificationKind] = {}
"""All kinds by key; each is a row of the profile's settings."""


def register_notification(key: str, label: _StrOrPromise, *, email: bool) -> None:
    """Add a kind of notification; ``email`` says whether it is mailed unless the member decides."""
    KINDS[key] = NotificationKind(key, label, email)


register_notification("mention", gettext_lazy("Somebody mentions me in a comment"), email=True)
register_notification("assigned", gettext_lazy("A conversation is assigned to me"), email=False)
register_notification("workflow_failed", gettext_lazy("A workflow fails"), email=True)
register_notification("quarantined", gettext_lazy("A run is put into quarantine"), email=True)
register_notification("channel_fault", gettext_lazy("A channel stops working"), email=True)
register_notification("export_ready", gettext_lazy("An export or import is ready"), email=False)


def wants_bell(member: Membership, kind: str) -> bool:
    """Say whether a member wants to see a kind under the bell."""
    return bool(member.notification_settings.get(kind, {}).get("bell", True))


def wants_email(member: Membership, kind: str) -> bool:
    """Say whether a member wants a kind by e-mail."""
    default = KINDS[kind].email if kind in KINDS else False
    return bool(member.notification_settings.get(kind, {}).get("email", default))


def notify(  # noqa: PLR0913 - the fields of a notification
    *, workspace_id: int, user_ids: Collection[int], kind: str, title: str, body: str = "", url: str = ""
) -> list[Notification]:
    """Tell members something, near the end of a transaction; people who are no members are left out."""
    with transaction.atomic(), workspace_scope(workspace_id):
        members = Membership.objects.filter(user_id__in=set(user_ids), user__is_active=True).order_by(
            "user_id"
        )
        rows = [_row(member, kind, title, body, url) for member in members]
        rows = Notification.objects.bulk_create(
            [row for row in rows if row.email_wanted or row.read_at is None]
        )
        shown = [row for row in rows if row.read_at is None]
        publish(workspace_id, [_frame(row) for row in shown])
        if any(row.email_wanted for row in rows):
            hint(HINT)
    return rows


def managers_of(workspace_id: int) -> list[int]:
    """Return the ids of all Owners and Managers: who must hear of failures."""
    with workspace_scope(workspace_id):
        members = Membership.objects.filter(role__in=[Role.OWNER, Role.MANAGER], user__is_active=True)
        return list(members.values_list("user_id", flat=True))


def notifications_mark_read(*, membership: Membership, notification_id: int | None = None) -> int:
    """Mark one or all of a member's notifications as read; return how many are left, and tell other tabs."""
    with transaction.atomic():
        own = Notification.objects.filter(user_id=membership.user_id, read_at=None)
        chosen = own if notification_id is None else own.filter(pk=notification_id)
        changed = chosen.update(read_at=timezone.now())
        left = own.count()
        if changed:
            frame = Frame(f"user:{membership.user_id}", "notification.read", {"unread": left})
            publish(membership.workspace_id, [frame])
    return left


def send_due_mails() -> int:
    """Mail a batch of notifications and return how many were tried; never inside a transaction."""
    since = timezone.now() - timedelta(days=MAIL_DAYS)
    with all_workspaces():
        due = Notification.objects.filter(email_wanted=True, emailed_at=None, created_at__gt=since)
        rows = list(due.select_related("user", "workspace").order_by("created_at")[:MAIL_BATCH])
        # Claimed before sending: a mail lost in a crash is better than one sent again and again.
        mine = [row for row in rows if due.filter(pk=row.pk).update(emailed_at=timezone.now())]
        for row in mine:
            try:
                get_connection().send_messages([_mail(row)])
            except (SMTPException, OSError) as error:
                log.warning("notification.mail_failed", notification_id=row.pk, error=type(error).__name__)
                Notification.objects.filter(pk=row.pk).update(emailed_at=None)
    return len(mine)


def _row(member: Membership, kind: str, title: str, body: str, url: str) -> Notification:
    return Notification(
        workspace_id=member.workspace_id,
        user_id=member.user_id,
        kind=kind,
        title=title[:200],
        body=body,
        url=url[:300],
        read_at=None if wants_bell(member, kind) else timezone.now(),
        email_wanted=wants_email(member, kind),
    )


def _frame(row: Notification) -> Frame:
    data: Mapping[str, object] = {
        "id": row.pk,
        "kind": row.kind,
        "title": row.title,
        "body": row.body,
        "url": row.url,
    }
    return Frame(f"user:{row.user_id}", "notification.created", data)


def _mail(row: Notification) -> EmailMessage:
    link = f"{settings.PUBLIC_URL}{row.url or '/'}" if row.url.startswith("/") or not row.url else row.url
    change = _("You can choose what is sent to you: %(url)s") % {"url": f"{settings.PUBLIC_URL}/profile/"}
    text = "\n\n".join(part for part in (row.body, link, "-- \n" + change) if part)
    # A title may quote what a contact wrote; a line break in it would be refused as a header.
    subject = " ".join(f"[{row.workspace.name}] {row.title}".split())
    return EmailMessage(subject, text, to=[row.user.email], headers={"Auto-Submitted": "auto-generated"})
