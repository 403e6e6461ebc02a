from __future__ import annotations

import json

import pytest

from tests.workflows.definition.builders import raw, say
from workflows.definition.schema import InvalidDocument, dump_document, parse_document


def message(broken):
    with pytest.raises(InvalidDocument) as caught:
        parse_document(broken)
    return caught.value.problems[0].message


@pytest.mark.rule("S002.document.round_trip")
def test_a_document_survives_reading_and_writing():
    given = raw({"a": say(next_id="b"), "b": say()})
    parsed = parse_document(json.dumps(given))
    assert parse_document(dump_document(parsed)) == parsed
    assert parsed == parse_document(given)
    assert parsed.trigger.once_per_contact is False
    assert parsed.steps["a"].outlets == {"next": "b"}


@pytest.mark.rule("S000.trigger.exactly_one", "S002.import.one_trigger")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trigger": None}, "no trigger"),
        ({"trigger": [{}, {}]}, "exactly one trigger"),
        ({"triggers": []}, "exactly one trigger"),
    ],
)
def test_there_is_exactly_one_trigger(change, said):
    assert said in message({**raw({}), **change})


@pytest.mark.rule("S002.limit.steps")
def test_a_hundred_steps_are_the_most():
    assert parse_document(raw({f"s{n}": say() for n in range(100)}))
    assert message(raw({f"s{n}": say() for n in range(101)})) == "A workflow has at most 100 steps."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"\xff", "no valid JSON"),
        ("{", "no valid JSON"),
        ("[" * 100_000, "no valid JSON"),
        ("[]", "must be a JSON object"),
        ('{"a": NaN}', "no valid JSON"),
        ('{"a": 1, "a": 2}', "“a” stands twice"),
    ],
)
def test_what_is_no_document_is_refused_in_plain_words(text, said):
    assert said in message(text)


def test_unknown_keys_are_refused_but_private_ones_are_dropped():
    assert message({**raw({}), "color": "red"}) == "This setting is not known."
    assert parse_document({**raw({}), "x_tool": "kept elsewhere"})


def test_ids_have_a_limit():
    assert parse_document(raw({"x" * 40: say()}))
    assert message(raw({"x" * 41: say()})) == "At most 40 characters."


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_characters_that_a_database_refuses_are_refused(text):
    assert "cannot be stored" in message(raw({"a": say(text)}))


def test_another_format_is_refused():
    assert "formats up to 1" in message({**raw({}), "format": 2})
