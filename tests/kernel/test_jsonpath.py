from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isflow.kernel.jsonpath import MISSING, Found, JsonKey, Kind
from tests.kernel.strategies import json_values, property_settings

GOOD = [
    ("$.phone", ("phone",)),
    ("phone", ("phone",)),
    (".phone", ("phone",)),
    ("  $.phone ", ("phone",)),
    ("$.custom_fields.phone", ("custom_fields", "phone")),
    ("$.data.contacts[1].firstName", ("data", "contacts", 1, "firstName")),
    ("data.contacts[1].firstName", ("data", "contacts", 1, "firstName")),
    ("$[0]", (0,)),
    ("[0].x", (0, "x")),
    ("$['a b']", ("a b",)),
    ('$["a b"]', ("a b",)),
    ("$[ 'a' ][ 0 ]", ("a", 0)),
    ("['a'].b", ("a", "b")),
    (r"$['it\'s']", ("it's",)),
    (r'$["say \"x\" \\"]', ('say "x" \\',)),
    ("$['a.b']", ("a.b",)),
    ("$['a,b']", ("a,b",)),
    ("$['*']", ("*",)),
    ("$['']", ("",)),
    ("$['$']", ("$",)),
    ("$.where", ("where",)),
    ("$.wherenot", ("wherenot",)),
    ("$.1st", ("1st",)),
    ("$.12", ("12",)),
    ("$.first-name", ("first-name",)),
    ("$.имя", ("имя",)),
    ("$.नाम", ("नाम",)),
    ("$.名前", ("名前",)),
    ("$." + "x" * 498, ("x" * 498,)),
    ("$" + "[0]" * 166, (0,) * 166),
]

BAD = [
    "",
    "   ",
    "$",
    ".",
    "$.",
    "$..phone",
    "..phone",
    "$.*",
    "$[*]",
    "$.a.*",
    "$[-1]",
    "$[01]",
    "$[1:2]",
    "$[0,1]",
    "$['a','b']",
    "$[?(@.x==1)]",
    "$[(@.length-1)]",
    "$.length()",
    "$.`parent`",
    "$.a|$.b",
    "$.a,b",
    "$.a where b",
    "$['a",
    "$['a'",
    "$[a]",
    "$[]",
    "$a",
    "$.a$",
    "$.a b",
    "$.a]",
    "$.a.",
    "$.a\nb",
    "$['a\nb']",
    r"$['a\n']",
    "$[1e3]",
    "$[9999999999]",
    "$[\u0661]",
    "$." + "x" * 499,
]

DOCUMENT = {
    "phone": "+60112233455",
    "empty": "",
    "zero": 0,
    "no": False,
    "nothing": None,
    "data": {"contacts": [{"firstName": "Ada"}, {"firstName": "Bob"}]},
    "12": "twelve",
}


@pytest.mark.rule("S000.webhook.top_level_key", "S000.webhook.nested_key")
@pytest.mark.parametrize(("text", "parts"), GOOD)
def test_keys_that_can_be_read(text, parts):
    key = JsonKey.parse(text)

    assert key.parts == parts
    assert len(key.canonical) > 500 or JsonKey.parse(key.canonical) == key


@pytest.mark.rule("S000.webhook.key_limit")
@pytest.mark.parametrize("text", BAD)
def test_keys_that_are_refused_with_words(text):
    with pytest.raises(ValueError, match="JSON key"):
        JsonKey.parse(text)


def test_two_ways_of_writing_are_one_key():
    assert JsonKey.parse("a.b[0]") == JsonKey.parse("$['a'][\"b\"][0]")
    assert JsonKey.parse("a.b[0]").canonical == "$['a']['b'][0]" == str(JsonKey.parse("a.b[0]"))
    assert JsonKey.parse(r"$['it\'s \\']").canonical == r"$['it\'s \\']"


@pytest.mark.rule("S000.webhook.array_key")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$.phone", Found("+60112233455", Kind.SCALAR)),
        ("$.empty", Found("", Kind.SCALAR)),
        ("$.zero", Found(0, Kind.SCALAR)),
        ("$.no", Found(False, Kind.SCALAR)),
        ("$.nothing", Found(None, Kind.NULL)),
        ("$.data.contacts[1].firstName", Found("Bob", Kind.SCALAR)),
        ("$.data.contacts", Found(DOCUMENT["data"]["contacts"], Kind.CONTAINER)),
        ("$.12", Found("twelve", Kind.SCALAR)),
        ("$.Phone", MISSING),
        ("$.data.contacts[2]", MISSING),
        ("$.data[0]", MISSING),
        ("$.data.contacts.firstName", MISSING),
        ("$.phone[0]", MISSING),
        ("$.phone.x", MISSING),
        ("$.nothing.x", MISSING),
        ("$[0]", MISSING),
    ],
)
def test_what_a_document_has_at_a_key(text, found):
    assert JsonKey.parse(text).find(DOCUMENT) == found


def test_found_tells_its_kind():
    assert Found(None, Kind.NULL).is_null
    assert Found("x", Kind.SCALAR).is_scalar
    assert Found([], Kind.CONTAINER).is_container
    assert not Found([], Kind.CONTAINER).is_scalar


def test_a_large_document_is_read_at_once():
    document = {"rows": [{"id": n, "text": "x" * 20} for n in range(20_000)]}
    key = JsonKey.parse("$.rows[19999].id")
    began = time.perf_counter()

    assert key.find(document) == Found(19_999, Kind.SCALAR)
    assert time.perf_counter() - began < 0.02


@property_settings
@given(st.text(max_size=600) | st.text(alphabet="$.[]'\"\\*a1-: ", max_size=40), json_values)
def test_any_text_is_a_key_or_a_value_error_and_find_never_raises(text, document):
    try:
        key = JsonKey.parse(text)
    except ValueError:
        return
    assert len(key.parts) > 0
    assert key.find(document) is MISSING or isinstance(key.find(document), Found)


@property_settings
@given(st.lists(st.text(alphabet=st.characters(min_codepoint=32, exclude_characters="\x7f"), max_size=8) |
                st.integers(0, 3), min_size=1, max_size=5))  # fmt: skip
def test_a_canonical_key_finds_its_way_back(parts):
    document = "here"
    for part in reversed(parts):
        document = {part: document} if isinstance(part, str) else [None] * part + [document]
    key = JsonKey.parse(JsonKey(tuple(parts)).canonical)

    assert key.parts == tuple(parts)
    assert key.find(document) == Found("here", Kind.SCALAR)
