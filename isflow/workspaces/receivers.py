"""What signing in and out means here."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import password_changed, password_reset
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from isflow.kernel.actor import acting_as
from isflow.workspaces.audit import audit
from isflow.workspaces.guards import actor_of
from isflow.workspaces.live import end_session, recheck_access
from isflow.workspaces.models import User
from isflow.workspaces.presence import presence_leave


@receiver(user_logged_in, dispatch_uid="workspaces.logged_in")
def on_login(user: User, **kwargs: Any) -> None:  # noqa: ARG001 - Django's shape
    """Record the login."""
    with acting_as(actor_of(user)):
        audit("login", user.email)


@receiver(user_logged_out, dispatch_uid="workspaces.logged_out")
def on_logout(user: User | None, request: HttpRequest | None, **kwargs: Any) -> None:  # noqa: ARG001
    """Record the logout, go offline and let the person's other tabs notice."""
    if user is None:
        return
    with acting_as(actor_of(user)):
        audit("logout", user.email)
    presence_leave(user=user)
    # Django sends this signal before it deletes the session.
    if request is not None and request.session.session_key:
        end_session(user.pk, request.session.session_key)


@receiver([password_changed, password_reset], dispatch_uid="workspaces.password_changed")
def on_new_password(user: User, **kwargs: Any) -> None:  # noqa: ARG001
    """Record it and let sockets of sessions that have ended by it notice."""
    with acting_as(actor_of(user)):
        audit("password.changed", user.email)
    recheck_access([user.pk])


@receiver(user_login_failed, dispatch_uid="workspaces.login_failed")
def on_failed_login(credentials: dict[str, Any], **kwargs: Any) -> None:  # noqa: ARG001
    """Record whose account somebody tried to enter; never the password."""
    audit("login.failed", str(credentials.get("email") or credentials.get("username") or ""))
