from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isflow.kernel.predicates import OPERATOR_LABELS, OPERATORS, Operator, evaluate
from tests.kernel.strategies import property_settings, things

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TRUE_OF_NOTHING = {"ne", "not_contains", "none_of", "not_exists"}


def holds(kind, operator, subject, value, tz=BERLIN):
    return evaluate(kind, operator, subject, value, now=NOW, tz=tz)


TRUE = [
    ("text", "eq", "  Hello ", "hello"),
    ("text", "eq", "Cafe\u0301", "café"),
    ("text", "eq", "b", ["a", "b"]),
    ("text", "ne", "hello", "hallo"),
    ("text", "ne", "cafe", "café"),
    ("text", "ne", "x", ""),
    ("text", "contains", "Order NOW please", "now"),
    ("text", "not_contains", "Order", "now"),
    ("text", "not_contains", "Order", ""),
    ("text", "starts_with", "Order 5", "ORDER"),
    ("text", "any_of", "Red", ["blue", "red"]),
    ("text", "any_of", "Red", "blue, red"),
    ("text", "none_of", "Red", ["blue", "green"]),
    ("text", "none_of", "Red", []),
    ("email", "eq", "Ada@Example.org", "ada@example.ORG"),
    ("email", "contains", "ada@example.org", "@example."),
    ("phone", "eq", "+60112233455", "0060 11-2233 455"),
    ("phone", "starts_with", "+60112233455", "+60"),
    ("phone", "any_of", "+60112233455", ["60112233455"]),
    ("url", "starts_with", "https://example.com/x", "https://EXAMPLE.com"),
    ("number", "eq", 5, "5.0"),
    ("number", "eq", "1,5", 1.5),
    ("number", "ne", 5, 6),
    ("number", "gt", "10", "9"),
    ("number", "lt", Decimal("0.1"), 0.2),
    ("number", "between", 1, [1, 3]),
    ("number", "between", 3, ["1", "3"]),
    ("number", "between", 2, {"from": 1, "to": 3}),
    ("number", "exists", 0, None),
    ("date", "eq", "2026-11-20", "11/20/2026"),
    ("date", "eq", datetime(2026, 11, 19, 23, 30, tzinfo=UTC), "2026-11-20"),
    ("date", "before", "2026-11-19", date(2026, 11, 20)),
    ("date", "after", "2026-11-20T10:00:00+00:00", datetime(2026, 11, 20, 9, 59, tzinfo=UTC)),
    ("date", "between", "2026-11-20", ["2026-11-20", "2026-11-30"]),
    ("date", "within_last", "2026-11-18", "2 days"),
    ("date", "within_last", "2026-11-20", {"amount": 1, "unit": "hours"}),
    ("date", "within_last", NOW - timedelta(minutes=10), "10 minutes"),
    ("date", "more_than_ago", "2026-11-17", "2 days"),
    ("date", "more_than_ago", NOW - timedelta(minutes=11), "10 minutes"),
    ("time", "eq", "09:30", "9:30"),
    ("time", "before", "09:30", time(9, 31)),
    ("time", "after", "09:30", "09:29"),
    ("time", "between", "09:30", ["09:30", "17:00"]),
    ("time", "between", "23:00", ["22:00", "06:00"]),
    ("time", "between", "05:00", ["22:00", "06:00"]),
    ("list", "eq", "Red", "red"),
    ("list", "any_of", "Red", ["red", "blue"]),
    ("list", "eq", "contact", ["contact"]),
    ("checkbox", "eq", True, "yes"),
    ("checkbox", "eq", False, False),
    ("checkbox", "ne", True, "off"),
    ("checkbox", "eq", "Open", "open"),
    ("checkbox", "ne", "Closed", "Open"),
    ("country", "eq", "DE", "Germany"),
    ("country", "any_of", "DE", ["FR", "de"]),
    ("language", "eq", "en", "English"),
    ("language", "none_of", "en", ["de"]),
    ("tags", "any_of", ["VIP", "new"], ["vip", "spam"]),
    ("tags", "all_of", ["VIP", "new", "x"], ["vip", "NEW"]),
    ("tags", "none_of", ["VIP"], ["spam"]),
    ("tags", "exists", ["VIP"], None),
    ("tags", "not_exists", [], None),
    ("tags", "none_of", set(), ["spam"]),
    ("user", "eq", (7, "ada@example.org"), "7"),
    ("user", "eq", (7, "ada@example.org"), "Ada@example.org"),
    ("user", "ne", 7, 8),
    ("user", "not_exists", None, None),
    ("channel", "any_of", 3, [2, 3]),
    ("channel", "exists", 3, None),
    ("presence", "eq", "Online", "online"),
    ("message", "eq", " STOP ", "stop"),
    ("message", "contains", "please stop it", "stop"),
    ("message", "any_of", "I want a REFUND, now!", ["refund"]),
    ("message", "any_of", "I want a refund", "cancel, refund"),
    ("message", "any_of", "talk to an agent now", ["an agent"]),
    ("message", "any_of", "我要退款", ["退款"]),
    ("message", "any_of", "how much? 5$", ["5$"]),
    ("duration", "gt", timedelta(minutes=16), "15 minutes"),
    ("duration", "lt", 899, "15 minutes"),
    ("duration", "between", timedelta(hours=2), ["1 hour", "2 hours"]),
    ("duration", "gt", "00:15:01", {"amount": 15, "unit": "minutes"}),
    ("variable", "eq", "5", 5.0),
    ("variable", "eq", "abc", "ABC"),
    ("variable", "eq", True, "yes"),
    ("variable", "eq", "true", True),
    ("variable", "ne", "5", "abc"),
    ("variable", "gt", "10", "9"),
    ("variable", "between", "2026-11-20", ["2026-11-01", "2026-11-30"]),
    ("variable", "between", "5", ["1", "9"]),
    ("variable", "before", "2026-11-20 10:00:00", "2026-11-21"),
    ("variable", "contains", ["one two", "three"], "two"),
    ("variable", "exists", False, None),
    ("variable", "within_last", "2026-11-20T11:59:00Z", "5 minutes"),
]

FALSE = [
    ("text", "eq", "hello", ""),
    ("text", "eq", "hello", None),
    ("text", "contains", "hello", ""),
    ("text", "starts_with", "hello", None),
    ("text", "any_of", "hello", []),
    ("text", "any_of", "hello world", ["hello"]),
    ("text", "gt", "b", "a"),
    ("text", "exists", "   ", None),
    ("phone", "eq", "+60112233455", "abc"),
    ("number", "eq", "five", "five"),
    ("number", "ne", "five", 5),
    ("number", "ne", 5, "five"),
    ("number", "gt", 5, None),
    ("number", "gt", True, 0),
    ("number", "between", 4, [1, 3]),
    ("number", "between", 2, [3, 1]),
    ("number", "between", 2, [1]),
    ("number", "between", 2, 2),
    ("number", "eq", float("nan"), float("nan")),
    ("date", "eq", "2026-02-30", "2026-02-30"),
    ("date", "ne", "2026-11-19", "2026-11-20"),
    ("date", "within_last", "2026-11-17", "2 days"),
    ("date", "within_last", "2026-11-21", "2 days"),
    ("date", "more_than_ago", "2026-11-21", "2 days"),
    ("date", "within_last", "2026-11-20", "soon"),
    ("date", "within_last", "2026-11-20", "999999999 weeks"),
    ("time", "between", "12:00", ["22:00", "06:00"]),
    ("time", "eq", "25:00", "25:00"),
    ("checkbox", "eq", "maybe", True),
    ("tags", "all_of", ["VIP"], []),
    ("tags", "all_of", ["VIP"], ["VIP", "new"]),
    ("tags", "any_of", ["VIP"], []),
    ("tags", "none_of", ["VIP"], ["vip"]),
    ("message", "any_of", "unstoppable", ["stop"]),
    ("message", "any_of", "refunded", ["refund"]),
    ("duration", "gt", None, "15 minutes"),
    ("duration", "gt", 5, "15 parsecs"),
    ("variable", "gt", "abc", 5),
    ("variable", "eq", "abc", True),
    ("nonsense", "eq", 1, 1),
    ("text", "nonsense", "a", "a"),
]


@pytest.mark.parametrize(("kind", "operator", "subject", "value"), TRUE)
def test_conditions_that_hold(kind, operator, subject, value):
    assert holds(kind, operator, subject, value) is True


@pytest.mark.parametrize(("kind", "operator", "subject", "value"), FALSE)
def test_conditions_that_do_not_hold(kind, operator, subject, value):
    assert holds(kind, operator, subject, value) is False


MATRIX = [(kind, operator) for kind, operators in OPERATORS.items() for operator in operators]


@pytest.mark.rule("SP2.4.branch.null_subject")
@pytest.mark.parametrize("subject", [None, "", "  ", []])
@pytest.mark.parametrize(("kind", "operator"), MATRIX)
def test_against_nothing_only_the_negations_hold(kind, operator, subject):
    for value in (None, "x", "5", ["x"], ["1", "2"]):
        assert holds(kind, operator, subject, value) is (operator.value in TRUE_OF_NOTHING)


def test_the_keys_of_operators_are_stored_and_must_not_change():
    assert [operator.value for operator in Operator] == [
        "eq", "ne", "contains", "not_contains", "starts_with", "any_of", "all_of", "none_of", "exists",
        "not_exists", "gt", "lt", "between", "before", "after", "within_last", "more_than_ago",
    ]  # fmt: skip
    assert set(OPERATOR_LABELS) == set(Operator)


def test_the_kinds_of_subjects_are_complete():
    assert set(OPERATORS) == {
        "text", "email", "phone", "url", "number", "date", "time", "list", "checkbox", "country", "language",
        "tags", "user", "channel", "presence", "message", "duration", "variable",
    }  # fmt: skip
    assert all(len(set(operators)) == len(operators) for operators in OPERATORS.values())


def test_a_day_begins_at_midnight_of_the_workspace():
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)

    assert holds("date", "eq", late, "2026-11-21", tz=ZoneInfo("Asia/Tokyo"))
    assert holds("date", "eq", late, "2026-11-20", tz=ZoneInfo("America/New_York"))


def test_moments_are_told_apart_in_the_hour_summer_time_ends():
    first = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)  # 02:45 summer time
    second = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)  # 02:15 winter time

    assert holds("date", "before", first, second)
    assert not holds("date", "after", first, second)


@property_settings
@given(
    kind=st.sampled_from([*OPERATORS, "nonsense"]),
    operator=st.sampled_from([*Operator, "nonsense"]),
    subject=things,
    value=things | st.lists(things, min_size=2, max_size=2),
)
def test_evaluate_never_raises(kind, operator, subject, value):
    assert holds(kind, operator, subject, value) in {True, False}


@property_settings
@given(kind=st.sampled_from(["text", "list", "country", "tags", "variable"]), subject=things, value=things)
def test_has_any_of_and_has_none_of_are_opposites(kind, subject, value):
    if holds(kind, "exists", subject, None):
        assert holds(kind, "any_of", subject, value) is not holds(kind, "none_of", subject, value)
