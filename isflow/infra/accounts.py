"""How allauth and axes are bent to our ways: nobody signs up unasked, two-factor secrets are sealed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest

from isflow.infra.crypto import open_text, seal_text


class ClosedAccountAdapter(DefaultAccountAdapter):
    """People come by invitation or through the first-owner page, never by signing up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        return False


class SealedMFAAdapter(DefaultMFAAdapter):
    """Keeps two-factor secrets encrypted at rest."""

    def encrypt(self, text: str) -> str:
        return seal_text(text)

    def decrypt(self, encrypted_text: str) -> str:
        return open_text(encrypted_text)


def attempted_login(request: HttpRequest | None, credentials: Mapping[str, Any] | None) -> str:
    """Name the account somebody tried to enter, as the failed-login counter keys it."""
    given = dict(credentials or {})
    posted = request.POST if request is not None else {}
    name = given.get("username") or given.get("email") or posted.get("login") or posted.get("username") or ""
    return str(name).strip().lower()[:255]
