"""Connecting, changing and disconnecting accounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from channels_app.connections import config_check
from channels_app.models import Channel
from isflow.infra.db import compare_and_set
from isflow.kernel.errors import Conflict, Rejected
from isflow.workspaces.scope import current_workspace_id

_MAX_NAME = 100
_MAX_ERROR = 500


def channel_create(*, kind: str, name: str, config: Mapping[str, Any]) -> Channel:
    """Connect a new account; Rejected if its settings are wrong, Conflict if the name is taken."""
    name = name.strip()
    if not 0 < len(name) <= _MAX_NAME:
        raise Rejected(_("A channel has a name of 1 to 100 characters."))
    config_check(kind, config)
    channel = Channel(workspace_id=current_workspace_id(), kind=kind, name=name)
    channel.config = dict(config)
    try:
        with transaction.atomic():
            channel.save()
    except IntegrityError as error:
        raise Conflict(_("There is already a channel called “%(name)s”.") % {"name": name}) from error
    return channel


def channel_connect(*, channel: Channel, config: Mapping[str, Any] | None = None) -> None:
    """Take a channel into use (again), with new settings if given; Rejected if they are wrong."""
    wanted = channel.config if config is None else dict(config)
    config_check(channel.kind, wanted)
    channel.config = wanted
    channel.status, channel.last_error, channel.not_before = Channel.Status.CONNECTED, "", None
    channel.save(update_fields=["config", "status", "last_error", "not_before"])


def channel_disconnect(*, channel: Channel) -> None:
    """Stop receiving and sending; contacts, messages and settings stay."""
    channel.status = Channel.Status.DISCONNECTED
    channel.save(update_fields=["status"])


def channel_fault(*, channel: Channel, error: str) -> bool:
    """Mark a working channel as needing attention; say whether it was this call that did."""
    return compare_and_set(
        channel,
        status_in=[Channel.Status.CONNECTED],
        status=Channel.Status.FAULTY,
        last_error=error[:_MAX_ERROR],
    )


def channel_pause(*, channel: Channel, until: datetime) -> None:
    """Send nothing before that moment: the provider asked for it."""
    Channel.objects.filter(pk=channel.pk).update(not_before=until)
    channel.not_before = until
