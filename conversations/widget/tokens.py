"""Who a visitor of a website is: a random address, and a signed token that proves it."""

from __future__ import annotations

from typing import Final

from django.core import signing

from isflow.kernel.ids import new_token

SALT: Final = "isflow.widget.visitor"
ADDRESS_BYTES: Final = 16
MAX_TOKEN: Final = 400


def visitor_token_issue(*, channel_id: int) -> str:
    """Return the token of a new visitor. Nothing is stored: the first message does that."""
    return visitor_token_for(channel_id=channel_id, address=new_token(ADDRESS_BYTES))


def visitor_token_for(*, channel_id: int, address: str) -> str:
    """Return the token that proves this address on this channel."""
    return signing.dumps([channel_id, address], salt=SALT)


def visitor_address(token: object, *, channel_id: int) -> str | None:
    """Return the address a token proves on this channel, or None. Total: any value, no error."""
    if not isinstance(token, str) or not token.isascii() or len(token) > MAX_TOKEN:
        return None
    try:
        owner, address = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return address if owner == channel_id and isinstance(address, str) else None
