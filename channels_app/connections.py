"""From a channel's row to what can act: its adapter and its settings, checked strictly once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, get_args

from django.utils.translation import gettext as _
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from channels_app.contract import AdapterConfig, ChannelAdapter, adapters
from channels_app.models import Channel
from isflow.infra.crypto import DecryptionError
from isflow.kernel.errors import Rejected

MASK: Final = "••••••••"
"""Shown instead of a secret; given back unchanged it means: keep what is stored."""


class ChannelBrokenError(Exception):
    """The channel's kind is not installed, or its settings cannot be used; the message says which."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An adapter together with one account's settings."""

    adapter: ChannelAdapter[Any]
    config: AdapterConfig


def connection_of(channel: Channel) -> Connection:
    """Return adapter and settings of a channel; ChannelBrokenError if it cannot work."""
    try:
        stored = json.dumps(channel.config or {}, sort_keys=True)
    except DecryptionError as error:
        raise ChannelBrokenError(str(error)) from error
    return _connection(channel.kind, stored)


def config_check(kind: str, config: Mapping[str, Any]) -> AdapterConfig:
    """Return the checked settings for a kind of channel; Rejected with one readable line per mistake."""
    if kind not in adapters:
        raise Rejected(_("There is no kind of channel called “%(kind)s”.") % {"kind": kind})
    try:
        return _parsed(kind, json.dumps(config))
    except ValidationError as error:
        raise Rejected("\n".join(_lines(error))) from error
    except (TypeError, ValueError) as error:
        raise Rejected(_("The settings are not valid JSON.")) from error


def config_masked(kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that may be shown: secrets are replaced by MASK."""
    secret = secret_names(kind)
    hide_all = kind not in adapters
    return {name: MASK if value and (hide_all or name in secret) else value for name, value in config.items()}


def config_unmasked(kind: str, given: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return given settings with every MASK of a secret replaced by what is stored."""
    secret = secret_names(kind)
    return {
        name: stored.get(name, "") if value == MASK and name in secret else value
        for name, value in given.items()
    }


def secret_names(kind: str) -> frozenset[str]:
    """Return the names of the settings of a kind that must not be shown."""
    if kind not in adapters:
        return frozenset()
    fields = adapters.get(kind).config_class.model_fields
    return frozenset(name for name, field in fields.items() if _is_secret(field))


@lru_cache(maxsize=512)
def _connection(kind: str, stored: str) -> Connection:
    if kind not in adapters:
        raise ChannelBrokenError(_("The channel kind “%(kind)s” is not installed.") % {"kind": kind})
    try:
        return Connection(adapters.get(kind)(), _parsed(kind, stored))
    except ValidationError as error:
        raise ChannelBrokenError("; ".join(_lines(error))) from error


def _parsed(kind: str, text: str) -> AdapterConfig:
    config: AdapterConfig = adapters.get(kind).config_class.model_validate_json(text)
    return config


def _lines(error: ValidationError) -> list[str]:
    """Say what is wrong with which setting, never repeating a value: it may be a secret."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [f"{'.'.join(str(part) for part in one['loc']) or _('settings')}: {one['msg']}" for one in found]


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)
