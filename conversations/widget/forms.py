"""What a visitor's browser may post, checked once at the border."""

from __future__ import annotations

from typing import Annotated, Final

from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from isflow.kernel.errors import Rejected

MAX_TEXT: Final = 2000
MAX_BODY: Final = 64 * 1024
MAX_OPTION: Final = 200

ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]


class VisitorMessage(BaseModel):
    """A text or the id of a pressed choice; ``client_id`` names the message, so that a repeat is the same."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    client_id: ClientId
    text: str = ""
    option: str = ""


def visitor_message(body: bytes) -> VisitorMessage:
    """Read a posted message; Rejected says in words for people what is wrong with it."""
    try:
        posted = VisitorMessage.model_validate_json(body)
    except ValidationError as error:
        raise Rejected(_("This is not a message we can read.")) from error
    text = posted.text.replace("\x00", "").strip()
    option = posted.option.replace("\x00", "")
    if not text and not option:
        raise Rejected(_("Write something first."))
    if len(text) > MAX_TEXT:
        raise Rejected(_("A message may have at most 2,000 characters."), code="too_long")
    if len(option) > MAX_OPTION:
        raise Rejected(_("There is no such choice."))
    return posted.model_copy(update={"text": text, "option": option})
