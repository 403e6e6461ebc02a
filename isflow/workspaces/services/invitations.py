"""Invitations: a secret link that makes somebody a member."""

from __future__ import annotations

from dataclasses import dataclass
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from isflow.kernel.actor import acting_as
from isflow.kernel.errors import Conflict, Forbidden, Rejected
from isflow.kernel.ids import new_token, token_digest
from isflow.workspaces.access import grantable_roles
from isflow.workspaces.audit import audit
from isflow.workspaces.guards import actor_of
from isflow.workspaces.models import Invitation, Membership, Role, User
from isflow.workspaces.models.people import invitation_deadline
from isflow.workspaces.scope import all_workspaces, workspace_scope
from isflow.workspaces.services.workspaces import Person

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SentInvitation:
    """An invitation and the link that was never stored."""

    invitation: Invitation
    link: str


def invitation_create(*, by: Membership, email: str, role: Role) -> SentInvitation:
    """Invite an address; an earlier open invitation of the same address is replaced."""
    email = email.strip().lower()
    if role not in grantable_roles(by):
        raise Forbidden(_("You may not invite people with this role."))
    if Membership.objects.filter(user__email__iexact=email).exists():
        raise Rejected(_("%(email)s is a member already.") % {"email": email})
    token = new_token()
    with transaction.atomic():
        Invitation.objects.filter(email__iexact=email, accepted_at=None).delete()
        invitation = Invitation.objects.create(
            workspace_id=by.workspace_id,
            email=email,
            role=role,
            token_digest=token_digest(token),
            invited_by_id=by.user_id,
        )
        audit("invitation.created", email, role=str(role))
    return SentInvitation(invitation, _link(token))


def invitation_resend(*, by: Membership, invitation: Invitation) -> SentInvitation:
    """Make a new link with a new deadline; the old one stops working."""
    _require_grantable(by, invitation)
    token = new_token()
    with transaction.atomic():
        fresh = Invitation.objects.filter(pk=invitation.pk, accepted_at=None)
        if not fresh.update(token_digest=token_digest(token), expires_at=invitation_deadline()):
            raise Conflict(_("This invitation has been used."))
        audit("invitation.resent", invitation.email)
    return SentInvitation(invitation, _link(token))


def invitation_revoke(*, by: Membership, invitation: Invitation) -> None:
    """Take an open invitation back."""
    _require_grantable(by, invitation)
    with transaction.atomic():
        Invitation.objects.filter(pk=invitation.pk, accepted_at=None).delete()
        audit("invitation.revoked", invitation.email)


def invitation_mail(sent: SentInvitation, *, inviter: str) -> bool:
    """Send the link; False if the mail could not be handed over. Never inside a transaction."""
    name = sent.invitation.workspace.name
    text = _(
        "%(inviter)s invites you to join “%(workspace)s” on isflow.\n\n"
        "Open this link to accept:\n%(link)s\n\nIt works until %(until)s. "
        "If you did not expect this, ignore it."
    ) % {
        "inviter": inviter,
        "workspace": name,
        "link": sent.link,
        "until": f"{sent.invitation.expires_at:%Y-%m-%d %H:%M} UTC",
    }
    subject = " ".join((_("Join %(workspace)s on isflow") % {"workspace": name}).split())
    try:
        EmailMessage(subject, text, to=[sent.invitation.email]).send()
    except (SMTPException, OSError) as error:
        log.warning("invitation.mail_failed", invitation_id=sent.invitation.pk, error=type(error).__name__)
        return False
    return True


def invitation_by_token(token: str) -> Invitation | None:
    """Return the open invitation behind a link, or None: unknown, used, revoked or too old."""
    with all_workspaces():
        rows = Invitation.objects.select_related("workspace", "invited_by")
        return rows.filter(
            token_digest=token_digest(token), accepted_at=None, expires_at__gt=timezone.now()
        ).first()


def invitation_accept(
    *, invitation: Invitation, user: User | None = None, person: Person | None = None
) -> User:
    """Make an existing or new person a member; Conflict if the link was used meanwhile.

    A person who is a member already keeps the role they have.
    """
    with transaction.atomic(), workspace_scope(invitation.workspace_id):
        open_one = Invitation.objects.filter(
            pk=invitation.pk, accepted_at=None, expires_at__gt=timezone.now()
        )
        if open_one.update(accepted_at=timezone.now()) != 1:
            raise Conflict(_("This invitation has been used or taken back."))
        joining = user or _new_user(invitation, person)
        with acting_as(actor_of(joining)):
            Membership.objects.get_or_create(
                workspace_id=invitation.workspace_id, user=joining, defaults={"role": invitation.role}
            )
            audit("invitation.accepted", joining.email, role=invitation.role)
    return joining


def _new_user(invitation: Invitation, person: Person | None) -> User:
    if person is None:
        raise Rejected(_("Somebody must accept the invitation."))
    if User.objects.filter(email__iexact=invitation.email).exists():
        raise Conflict(_("There is an account for this address; sign in first."))
    return User.objects.create_user(
        invitation.email, person.password, first_name=person.first_name, last_name=person.last_name
    )


def _require_grantable(by: Membership, invitation: Invitation) -> None:
    if Role(invitation.role) not in grantable_roles(by):
        raise Forbidden(_("You may not manage this invitation."))


def _link(token: str) -> str:
    return str(settings.PUBLIC_URL) + reverse("invitation_accept", kwargs={"token": token})
