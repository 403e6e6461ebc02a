"""Failures every floor understands: refusals by our own rules, and troubles of the outside world."""

from __future__ import annotations

from typing import ClassVar


class DomainError(Exception):
    """A request the rules of isflow refuse; ``code`` is for machines, ``message`` for people."""

    default_code: ClassVar[str] = "error"

    def __init__(self, message: str = "", *, code: str = "") -> None:
        super().__init__(message)
        self._message = message
        self.code = code or self.default_code

    @property
    def message(self) -> str:
        """Text for people; a lazy translation is put into words only now."""
        return str(self._message)

    def __str__(self) -> str:
        return self.message or self.code


class Rejected(DomainError):  # noqa: N818 - reads as a sentence where it is raised
    """The values given break a rule."""

    default_code = "rejected"


class Conflict(DomainError):  # noqa: N818
    """The thing has changed meanwhile, or its state does not allow this now."""

    default_code = "conflict"


class NotFound(DomainError):  # noqa: N818
    """There is no such thing, or the one who asks may not know of it."""

    default_code = "not_found"


class Forbidden(DomainError):  # noqa: N818
    """Whoever acts may not do this."""

    default_code = "forbidden"


class OutsideError(Exception):
    """A call to another system failed; ``message`` says how."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class Transient(OutsideError):  # noqa: N818
    """The same call may well succeed later."""


class Permanent(OutsideError):  # noqa: N818
    """Repeating the same call is pointless."""
