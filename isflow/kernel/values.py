"""Canonical values of fields and answers: what people and other systems write, and what isflow stores."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import urlsplit

import phonenumbers

from isflow.kernel.countries import country_code, country_name
from isflow.kernel.dates import parse_date
from isflow.kernel.languages import language_code, language_name

Scalar = str | int | float | bool | None

KINDS: Final = (
    "text",
    "list",
    "checkbox",
    "email",
    "number",
    "url",
    "date",
    "time",
    "phone",
    "country",
    "language",
)

MAX_TEXT_LENGTH: Final = 1_000
MAX_EMAIL_LENGTH: Final = 254
MAX_URL_LENGTH: Final = 2_048
MAX_NUMBER: Final = 10**18

TRUE_WORDS: Final = frozenset({"true", "yes", "1", "on"})
FALSE_WORDS: Final = frozenset({"false", "no", "0", "off"})

_NUMBER: Final = re.compile(r"-?\d+([.,]\d+)?\Z")
_TIME: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(:[0-5][0-9])?\Z")
_PHONE_PADDING: Final = re.compile(r"[\s().\-]")
_PHONE: Final = re.compile(r"[1-9][0-9]{6,14}\Z")
_LOCAL_PART: Final = re.compile(r"[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f]{1,64}\Z")
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_BLANK_OR_CONTROL: Final = re.compile(r"[\s\x00-\x1f\x7f]")


@dataclass(frozen=True)
class _Rules:
    """What a parser may need to know besides the text."""

    options: Sequence[str]
    today: date | None
    max_length: int


def normalise(
    kind: str,
    raw: Scalar,
    *,
    options: Sequence[str] = (),
    today: date | None = None,
    max_length: int = MAX_TEXT_LENGTH,
) -> Scalar:
    """Return the stored form of a value, None for a blank one; raises ValueError with a message for people.

    ``options`` are the labels of a list; ``today`` (workspace zone) gives the year to ``MM/DD``; text longer
    than ``max_length`` characters is cut.
    """
    parser = _PARSERS.get(kind)
    if parser is None:
        raise ValueError(f"There is no kind of value called “{kind}”")
    text = _UNSTORABLE.sub("", _as_text(raw)).strip()
    if not text:
        return None
    if isinstance(raw, bool) and kind not in {"checkbox", "text", "list"}:
        raise ValueError(f"Yes or no is not a valid {kind}")
    return parser(text, _Rules(options, today, max_length))


def display(kind: str, value: Scalar) -> str:
    """Return a stored value as people read it: Yes or No, names of countries, no trailing zeros."""
    if value is None:
        return ""
    if kind == "checkbox":
        return "Yes" if _plain(value).lower() in TRUE_WORDS else "No"
    if kind == "country":
        return country_name(str(value))
    if kind == "language":
        return language_name(str(value))
    return _plain(value)


def parse_number(text: str) -> Decimal | None:
    """Return the number a text writes (blanks ignored, one comma is a decimal comma); None if it is none."""
    compact = "".join(text.split())
    if not _NUMBER.match(compact):
        return None
    try:
        return Decimal(compact.replace(",", "."))
    except InvalidOperation:
        return None


def _as_text(raw: Scalar) -> str:
    if raw is None:
        return ""
    if isinstance(raw, bool):
        return "Yes" if raw else "No"
    if isinstance(raw, float):
        return _float_text(raw)
    if isinstance(raw, int) and abs(raw) >= MAX_NUMBER:
        raise ValueError("The number is too large")
    return str(raw)


def _plain(value: Scalar) -> str:
    try:
        return _as_text(value)
    except ValueError:  # stored before the limits of today
        return str(value)


def _float_text(number: float) -> str:
    if not math.isfinite(number) or abs(number) >= MAX_NUMBER:
        raise ValueError("The number is too large")
    # Never 1e-07: people do not write numbers so, and neither do the forms below read them.
    text = format(Decimal(repr(number)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _text(text: str, rules: _Rules) -> Scalar:
    return text[: rules.max_length].rstrip()


def _list(text: str, rules: _Rules) -> Scalar:
    for option in rules.options:
        if option.strip().casefold() == text.casefold():
            return option
    raise ValueError("The value is none of the options")


def _checkbox(text: str, rules: _Rules) -> Scalar:  # noqa: ARG001 - one signature for all parsers
    word = text.lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise ValueError("Write yes or no")
    return word in TRUE_WORDS


def _number(text: str, rules: _Rules) -> Scalar:  # noqa: ARG001
    number = parse_number(text)
    if number is None:
        raise ValueError("Write a number such as 12 or 12.5")
    if abs(number) >= MAX_NUMBER:
        raise ValueError("The number is too large")
    return int(number) if number == number.to_integral_value() else float(number)


def _email(text: str, rules: _Rules) -> Scalar:  # noqa: ARG001
    local, at, domain = text.rpartition("@")
    good = at and len(text) <= MAX_EMAIL_LENGTH and _LOCAL_PART.match(local)
    if not good or "." not in domain or not is_host(domain):
        raise ValueError("Write an email address such as name@example.com")
    return f"{local}@{domain.lower()}"


def _url(text: str, rules: _Rules) -> Scalar:  # noqa: ARG001
    refused = ValueError("Write a web address such as https://example.com")
    if len(text) > MAX_URL_LENGTH or _BLANK_OR_CONTROL.search(text):
        raise refused
    bare = not _SCHEME.match(text)
    try:
        parts = urlsplit(f"https://{text}" if bare else text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise refused from None
    if parts.scheme not in {"http", "https"} or not (is_host(host) or ":" in host):
        raise refused
    if bare and ("." not in host or "@" in parts.netloc):
        raise refused
    scheme, _, rest = f"https://{text}".partition("://") if bare else text.partition("://")
    return f"{scheme.lower()}://{rest}"


def _date(text: str, rules: _Rules) -> Scalar:
    found = parse_date(text, today=rules.today)
    if found is None:
        raise ValueError("Write a date such as 2024-12-31 or 12/31/2024")
    return found.isoformat()


def _time(text: str, rules: _Rules) -> Scalar:  # noqa: ARG001
    match = _TIME.match(text)
    if match is None:
        raise ValueError("Write a time of 24 hours such as 09:30")
    return f"{match[1]:0>2}:{match[2]}"


def _phone(text: str, rules: _Rules) -> Scalar:  # noqa: ARG001
    refused = ValueError("Write a phone number with its country code such as +60112233455")
    compact = _PHONE_PADDING.sub("", text)
    digits = compact[1:] if compact.startswith("+") else compact.removeprefix("00")
    if not _PHONE.match(digits):
        raise refused
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        raise refused from None
    if not phonenumbers.is_possible_number(number):
        raise refused
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _country(text: str, rules: _Rules) -> Scalar:  # noqa: ARG001
    code = country_code(text)
    if code is None:
        raise ValueError("Write a country as its English name or two-letter code")
    return code


def _language(text: str, rules: _Rules) -> Scalar:  # noqa: ARG001
    code = language_code(text)
    if code is None:
        raise ValueError("Write a language as its two-letter code such as en")
    return code


def is_host(host: str) -> bool:
    """Tell whether a text can be a host name; names in other scripts count by their encoded form."""
    try:
        encoded = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return False
    return bool(encoded) and all(_LABEL.match(label) for label in encoded.lower().split("."))


_PARSERS: Final[Mapping[str, Callable[[str, _Rules], Scalar]]] = {
    "text": _text,
    "list": _list,
    "checkbox": _checkbox,
    "email": _email,
    "number": _number,
    "url": _url,
    "date": _date,
    "time": _time,
    "phone": _phone,
    "country": _country,
    "language": _language,
}
