from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isflow.kernel.templates import (
    RESERVED_NAMES,
    UNKNOWN,
    Reference,
    escape_header,
    escape_json_string,
    escape_url,
    names,
    render,
    valid_variable_name,
)
from tests.kernel.strategies import property_settings

KNOWN = {
    "contact.firstname": "Ada",
    "contact.name": "Ada L",
    "contact.name.first": "A.",
    "contact.country": None,
    "contact.email": "",
    "city": "Rome",
    "trick": "$city {{$city}} $$ $unknown|x",
}


def look(name):
    return KNOWN.get(name, UNKNOWN)


GRAMMAR = [
    ("", ""),
    ("plain text", "plain text"),
    ("Hi $contact.firstname!", "Hi Ada!"),
    ("$CONTACT.FirstName", "Ada"),
    ("$contact.name.", "Ada L."),
    ("$contact.name.Thanks", "Ada L.Thanks"),
    ("$contact.name.first", "A."),
    ("$contact.name.first.x", "A..x"),
    ("$city$city", "RomeRome"),
    ("$city.$city", "Rome.Rome"),
    ("$cityhall", "$cityhall"),
    ("x$city", "xRome"),
    ("US$abc", "US$abc"),
    ("US$5", "US$5"),
    ("$", "$"),
    ("5 $ each", "5 $ each"),
    ("$$", "$"),
    ("$$city", "$city"),
    ("$$$city", "$Rome"),
    ("$$$$", "$$"),
    ("$.city", "$.city"),
    ("$-city", "$-city"),
    ("[$contact.country]", "[]"),
    ("$contact.country|there!", "there!"),
    ("$contact.email|there.", "there."),
    ("$contact.country|sir-or_madam2 x", "sir-or_madam2 x"),
    ('$contact.country|"dear friend",', "dear friend,"),
    ('$contact.country|""x', "x"),
    ('$contact.country|"open', '|"open'),
    ("$contact.country | x", " | x"),
    ("$contact.firstname|there", "Ada"),
    ("$contact.country|$city", "|Rome"),
    ("$contact.country|$", "|$"),
    ("$unknown|there", "$unknown|there"),
    ("$contact.name.x|there", "Ada L.x|there"),
    ("{{$city}}", "Rome"),
    ("{{ $city }}", "Rome"),
    ("{{$contact.country|there}}", "there"),
    ('{{$contact.country|"dear friend"}}', "dear friend"),
    ("{{$unknown}}", "{{$unknown}}"),
    ("{{$city.x}}", "{{$city.x}}"),
    ("{{$city", "{{Rome"),
    ("{{city}}", "{{city}}"),
    ("{{ $city | upper }}", "{{ Rome | upper }}"),
    ("$trick", "$city {{$city}} $$ $unknown|x"),
    ("$contact.__class__", "$contact.__class__"),
]


@pytest.mark.rule("SP3.2.prefix", "SP3.2.double_dollar", "SP3.2.braces", "SP3.3.empty", "SP3.3.unknown")
@pytest.mark.parametrize(("template", "text"), GRAMMAR)
def test_grammar(template, text):
    assert render(template, look) == text


def test_values_and_fallbacks_are_escaped_but_the_authors_text_is_not():
    assert render("<$city> $contact.country|word <", look, escape=str.upper) == "<ROME> WORD <"


def test_the_result_is_cut_at_the_limit():
    assert render("$city" * 10, look, limit=6) == "RomeRo"
    assert render("abcdef", look, limit=3) == "abc"
    assert render("$city", look, limit=0) == ""


def test_a_flood_of_variables_stops_at_the_limit():
    calls = []

    def count(name):
        calls.append(name)
        return "x" * 1_000

    assert len(render("$city" * 1_000, count, limit=5_000)) == 5_000
    assert len(calls) == 5


def test_names_lists_every_reference_with_its_place():
    template = "$$no $Contact.Name.|x {{$city|there}} $5"
    found = names(template)

    assert found == [
        Reference("contact.name", None, 5, 18),
        Reference("city", "there", 22, 37, in_braces=True),
    ]
    assert [template[ref.start : ref.end] for ref in found] == ["$Contact.Name", "{{$city|there}}"]


def test_candidates_are_the_longest_name_first():
    (plain,) = names("$a.b.c")
    (braced,) = names("{{$a.b.c}}")

    assert plain.candidates == ("a.b.c", "a.b", "a")
    assert braced.candidates == ("a.b.c",)


@pytest.mark.parametrize("value", ['a"b', "back\\slash", "line\nbreak", "Ω 😀", "\u2028", '","admin":"1'])
def test_a_value_stays_inside_its_json_string(value):
    body = render('{"name": "$x", "n": 1}', lambda _name: value, escape=escape_json_string)

    assert json.loads(body) == {"name": value, "n": 1}


@pytest.mark.parametrize("value", ["a b", "&admin=1", "/../..", "#x", "?y", "100%", "é", "@evil.example"])
def test_a_value_stays_inside_its_part_of_a_url(value):
    url = urlsplit(render("https://example.com/p?q=$x", lambda _name: value, escape=escape_url))

    assert (url.hostname, url.path, url.fragment) == ("example.com", "/p", "")
    assert parse_qs(url.query) == {"q": [value]}


def test_a_value_adds_no_header_line():
    assert render("$x", lambda _name: "a\r\nX-Evil: 1\0", escape=escape_header) == "aX-Evil: 1"


@pytest.mark.rule("SP3.2.names")
@pytest.mark.parametrize(
    ("given_name", "stored"), [("order_id", "order_id"), (" Order  ID ", "order_id"), ("x" * 30, "x" * 30)]
)
def test_variable_names_people_may_give(given_name, stored):
    assert valid_variable_name(given_name) == stored


@pytest.mark.rule("SP3.2.names")
@pytest.mark.parametrize(
    "given_name", ["", "  ", "1st", "_x", "a-b", "a.b", "é", "x" * 31, "a\0", *sorted(RESERVED_NAMES)]
)
def test_variable_names_people_may_not_give(given_name):
    with pytest.raises(ValueError, match="name"):
        valid_variable_name(given_name)


@property_settings
@given(st.text(alphabet='$ab.|"{} _1é-\n', max_size=60), st.text(max_size=30))
def test_values_are_never_read_again(template, value):
    """Rendering with a marker and then putting the value in by hand gives the same text."""
    marker = "\ue000"

    def with_value(text):
        return render(template, lambda name: text if name in {"a", "b.a"} else UNKNOWN)

    assert with_value(value) == with_value(marker).replace(marker, value)


@property_settings
@given(st.text(max_size=200))
def test_any_text_renders_and_unknown_names_change_only_doubled_dollars(template):
    assert render(template, lambda _name: UNKNOWN) == template.replace("$$", "$")
    assert render("$x", lambda _name: template) == template


@property_settings
@given(st.text())
def test_escapers_take_any_text(value):
    assert json.loads(f'"{escape_json_string(value)}"') == value
    assert escape_url(value).isascii()
    assert not {"\r", "\n", "\0"} & set(escape_header(value))
