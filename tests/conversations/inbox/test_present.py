from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.http import QueryDict

from conversations.inbox.forms import ListView, cursor, number
from conversations.inbox.present import item_key, thread_views
from conversations.inbox.words import line_text, sender_text, visitor_name
from conversations.items import CommentItem, LineItem, MessageItem

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def message(pk=1, at=NOON, **values):
    plain = {
        "text": "Hi",
        "kind": "text",
        "sender": "",
        "source": "contact",
        "status": "received",
        "error": "",
        "direction": "in",
    }
    return MessageItem(id=pk, contact=1, at=at, channel=1, **{**plain, **values})


def line(event="opened", **values):
    return LineItem(
        **{"id": 1, "contact": 1, "event": event, "source": "user", "by": "", "at": NOON, **values}
    )


def test_the_same_speaker_has_one_turn_until_another_speaks_or_the_day_ends():
    comment = CommentItem(id=1, contact=1, text="!", author="Omar", source="user", at=NOON)
    items = [message(1), message(2), comment, message(3), message(4, at=NOON + timedelta(days=1))]
    views = thread_views(items, contact_name="Ada", zone=UTC)
    assert [view.turn for view in views] == [True, False, True, True, True]
    assert [bool(view.day) for view in views] == [True, False, False, False, True]


def test_days_are_those_of_the_workspace():
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    [view] = thread_views([message(1, at=late)], contact_name="Ada", zone=ZoneInfo("Europe/Berlin"))
    assert view.day == "2026-11-21"


def test_opening_and_closing_of_one_conversation_have_different_keys():
    assert item_key(line("opened")) == "line-opened-1"
    assert item_key(line("closed")) == "line-closed-1"


def test_lines_say_who_did_what():
    assert line_text(line(by="Lena")) == "Conversation opened by Lena"
    assert line_text(line(source="system")) == "Conversation opened"
    assert line_text(line(source="contact")) == "Conversation opened by the contact"
    assert line_text(line("assigned", by="Omar", user="Omar")) == "Omar took over"
    assert line_text(line("assigned", by="Hi", user="Omar", source="workflow")) == (
        "Assigned to Omar by workflow “Hi”"
    )


def test_a_workflow_is_named_as_sender():
    assert sender_text(message(direction="out", source="workflow", sender="Welcome")) == "Workflow: Welcome"


def test_somebody_unknown_is_a_visitor():
    assert visitor_name("#7") == "Visitor 7"
    assert visitor_name("Ada") == "Ada"


def test_unknown_filters_fall_back():
    view = ListView.of(QueryDict("tab=x&status=y&q=%00 Ada "), everything=True)
    assert (view.tab, view.status, view.q) == ("all", "open", "Ada")
    assert ListView.of(QueryDict(""), everything=False).tab == "mine"
    assert view.query(tab="mine") == "?tab=mine&status=open&q=Ada"


def test_only_cursors_of_the_right_shape_pass():
    good = "2026-11-20T12:00:00.123456+00:00|7"
    assert cursor(good) == good
    assert cursor("2026-11-20T12:00:00+00:00|2|7") == "2026-11-20T12:00:00+00:00|2|7"
    for bad in (None, "", "x", "2026-11-20|7", "2026-11-20T12:00:00|7", good + "9" * 20):
        assert cursor(bad) is None


def test_numbers_fit_the_database():
    assert number("12") == 12
    for bad in (None, "", "-1", "²", "9" * 19, "1e3"):
        assert number(bad) is None
