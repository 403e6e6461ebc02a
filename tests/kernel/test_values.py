from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isflow.kernel.countries import COUNTRIES, country_code, country_name
from isflow.kernel.dates import DATE_FORMS
from isflow.kernel.languages import LANGUAGES, language_code
from isflow.kernel.values import KINDS, display, normalise
from tests.kernel.strategies import property_settings, scalars

TODAY = date(2026, 11, 20)
OPTIONS = ("Red", "Dark blue")

GOOD = [
    ("text", "  hello ", "hello"),
    ("text", True, "Yes"),
    ("text", 2.50, "2.5"),
    ("text", "a\0b", "ab"),
    ("text", "x" * 1_500, "x" * 1_000),
    ("list", " dark BLUE", "Dark blue"),
    ("checkbox", "YES", True),
    ("checkbox", "on", True),
    ("checkbox", 1, True),
    ("checkbox", True, True),
    ("checkbox", "0", False),
    ("checkbox", "Off", False),
    ("checkbox", False, False),
    ("email", "a@b.co", "a@b.co"),
    ("email", "Ada.L@Example.ORG", "Ada.L@example.org"),
    ("email", "ü@bücher.example", "ü@bücher.example"),
    ("number", "12", 12),
    ("number", "-12,50", -12.5),
    ("number", "1 234.0", 1234),
    ("number", 1e-7, 1e-7),
    ("url", "https://example.com/a?b=c#d", "https://example.com/a?b=c#d"),
    ("url", "HTTP://example.com", "http://example.com"),
    ("url", "example.com/path", "https://example.com/path"),
    ("url", "http://localhost:3000", "http://localhost:3000"),
    ("url", "https://bücher.example", "https://bücher.example"),
    ("time", "09:30", "09:30"),
    ("time", "9:30", "09:30"),
    ("time", "23:59:58", "23:59"),
    ("phone", "60112233455", "+60112233455"),
    ("phone", "+60 (11) 2233-455", "+60112233455"),
    ("phone", "0060.112233455", "+60112233455"),
    pytest.param("phone", 60112233455, "+60112233455", id="phone-as-number"),
    ("country", "de", "DE"),
    ("country", "germany", "DE"),
    ("country", "Côte d\u2019Ivoire", "CI"),
    ("country", "usa", "US"),
    ("country", "St. Lucia", "LC"),
    ("language", "EN", "en"),
    ("language", "pt_BR", "pt"),
    ("language", "Spanish", "es"),
]

BAD = [
    ("list", "Green"),
    ("checkbox", "maybe"),
    ("checkbox", 2),
    ("email", "abc"),
    ("email", "a@b"),
    ("email", "a b@c.de"),
    ("email", "a@@b.co"),
    ("email", "mail a@b.co"),
    ("email", "a@b..co"),
    ("email", "a@-b.co"),
    ("email", "x" * 250 + "@b.co"),
    ("number", "1,234.5"),
    ("number", "1.234.5"),
    ("number", "twelve"),
    ("number", "1e5"),
    ("number", "-"),
    ("number", True),
    ("number", float("nan")),
    ("number", float("inf")),
    ("number", "9" * 5_000),
    pytest.param("number", 10**5_000, id="huge"),
    ("url", "ftp://example.com"),
    ("url", "javascript:alert(1)"),
    ("url", "word"),
    ("url", "https://"),
    ("url", "https://exa mple.com"),
    ("url", "https://example.com:port"),
    ("url", "ada@example.com"),
    ("url", "https://[oops"),
    ("time", "24:00"),
    ("time", "12:60"),
    ("time", "noon"),
    ("phone", "12345"),
    ("phone", "0112233455"),
    ("phone", "+60 call me"),
    ("phone", "1" * 16),
    ("phone", "+999123456789"),
    ("country", "Atlantis"),
    ("language", "Klingon"),
    ("colour", "red"),
]

DATES = [
    ("12/31/2024", "2024-12-31"),
    ("2024/12/31", "2024-12-31"),
    ("12/31/24", "2024-12-31"),
    ("12-31-99", "1999-12-31"),
    ("JAN/05/2024", "2024-01-05"),
    ("Feb-29-2024", "2024-02-29"),
    ("sep/30/69", "2069-09-30"),
    ("DEC-01-70", "1970-12-01"),
    ("07/04", "2026-07-04"),
    ("07-04-2025", "2025-07-04"),
    ("2025-07-04", "2025-07-04"),
]


@pytest.mark.parametrize(("kind", "raw", "stored"), GOOD)
def test_accepted_values_take_their_stored_form(kind, raw, stored):
    result = normalise(kind, raw, options=OPTIONS, today=TODAY)

    assert result == stored
    assert type(result) is type(stored)


@pytest.mark.parametrize(("kind", "raw"), BAD)
def test_refused_values_say_why(kind, raw):
    with pytest.raises(ValueError, match=r"^[A-Z].+"):
        normalise(kind, raw, options=OPTIONS, today=TODAY)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("raw", [None, "", "   ", "\0"])
def test_a_blank_value_is_none_of_every_kind(kind, raw):
    assert normalise(kind, raw) is None


def test_the_table_shows_each_of_the_eleven_forms_once():
    assert len(DATES) == len(DATE_FORMS) == len(set(DATE_FORMS)) == 11


@pytest.mark.parametrize(("text", "iso"), DATES, ids=DATE_FORMS)
def test_each_form_of_a_date(text, iso):
    assert normalise("date", text, today=TODAY) == iso


@pytest.mark.parametrize(
    "text",
    [
        *("02/30/2024", "02/29/2023", "13/01/2024", "31/12/2024", "1/5/2024", "02/29", "0000-01-01"),
        *(
            "JUNE/05/2024",
            "2024-12-31x",
            "12/31-2024",
            "tomorrow",
            "\u017fEP/01/2024",
            "\u0660\u0661/01/2024",
        ),
    ],
)
def test_what_is_no_date(text):
    with pytest.raises(ValueError, match="Write a date"):
        normalise("date", text, today=TODAY)


def test_a_date_without_a_year_needs_no_today():
    assert normalise("date", "01/02") in {f"{date.today().year + n}-01-02" for n in (-1, 0, 1)}  # noqa: DTZ011


def test_an_answer_may_be_longer_than_a_field():
    assert normalise("text", "x" * 20_000, max_length=10_000) == "x" * 10_000


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("checkbox", True, "Yes"),
        ("checkbox", False, "No"),
        ("number", 12.50, "12.5"),
        ("number", 12.0, "12"),
        ("number", 1e-7, "0.0000001"),
        ("number", -3, "-3"),
        ("country", "DE", "Germany"),
        ("country", "XX", "XX"),
        ("language", "es", "Spanish"),
        ("date", "2024-12-31", "2024-12-31"),
        ("time", "09:30", "09:30"),
        ("text", None, ""),
        ("checkbox", None, ""),
    ],
)
def test_values_as_people_read_them(kind, value, text):
    assert display(kind, value) == text


def test_every_country_is_found_by_code_and_by_name():
    assert len(COUNTRIES) == 249
    assert all(country_code(code.lower()) == code == country_code(country_name(code)) for code in COUNTRIES)


def test_every_language_is_found_by_code_and_by_name():
    assert len(LANGUAGES) == 183
    assert all(language_code(code) == code for code in LANGUAGES)
    assert all(language_code(name) == code for code, name in LANGUAGES.items())


@property_settings
@given(kind=st.sampled_from(KINDS), raw=scalars)
def test_any_value_is_refused_with_words_or_stored_in_a_stable_form(kind, raw):
    try:
        stored = normalise(kind, raw, options=OPTIONS, today=TODAY)
    except ValueError:
        return
    assert normalise(kind, stored, options=OPTIONS, today=TODAY) == stored
    assert json.loads(json.dumps(stored, allow_nan=False)) == stored
    assert isinstance(display(kind, stored), str)


@property_settings
@given(kind=st.sampled_from(KINDS), raw=scalars)
def test_display_never_raises(kind, raw):
    assert isinstance(display(kind, raw), str)
