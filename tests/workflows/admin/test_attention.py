from __future__ import annotations

import pytest

from conversations.models import Message
from isflow.workspaces.models import Role
from tests.factories import make_member, make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import walk
from tests.workflows.troubles import asked, quarantine, unknown_call, unknown_message
from workflows.admin import attention

PAGE = "/admin/workflows/trouble/"


@pytest.fixture
def troubled(shop):
    """One of each kind."""
    _, run = asked(shop.workspace, shop.channel)
    message, visit = unknown_message(shop.workspace), unknown_call(shop.workspace, run)
    quarantine(shop.workspace, run)
    return message, visit, run


def text_of(reply):
    assert reply.status_code == 200
    return reply.content.decode()


def act(shop, kind, row, action):
    return shop.client.post(f"{PAGE}{kind}/{row.pk}/{action}/", {"go": "1"})


def test_nothing_wrong_is_said_in_words(shop):
    assert "Nothing needs your attention here." in text_of(shop.client.get(PAGE))


def test_each_kind_has_its_tab_and_says_what_is_known(shop, troubled):
    message, visit, run = troubled
    first = text_of(shop.client.get(PAGE))
    assert message.text in first
    assert "Interrupted." in first
    assert f"{PAGE}messages/{message.pk}/again/" in first
    assert f"{PAGE}messages/{message.pk}/delivered/" in first
    calls = text_of(shop.client.get(f"{PAGE}?kind=calls"))
    assert "POST https://stock.example/" in calls
    assert f"{PAGE}calls/{visit.pk}/done/" in calls
    runs = text_of(shop.client.get(f"{PAGE}?kind=runs"))
    assert "Work on this step was lost 3 times." in runs
    assert f"/admin/workflows/run/{run.pk}/change/" in runs


def test_the_first_kind_that_has_something_is_shown(shop):
    _, run = asked(shop.workspace, shop.channel)
    quarantine(shop.workspace, run)
    assert f"{PAGE}runs/{run.pk}/continue/" in text_of(shop.client.get(PAGE))


def test_nothing_is_done_before_it_was_confirmed(shop, troubled):
    message, _, run = troubled
    asked_again = text_of(shop.client.get(f"{PAGE}messages/{message.pk}/again/"))
    assert "the contact gets it twice" in asked_again
    text_of(shop.client.get(f"{PAGE}runs/{run.pk}/stop/"))
    with shop.scope():
        run.refresh_from_db()
        assert run.end_reason == "quarantined"
        assert Message.objects.filter(text=message.text, direction="out").count() == 1


def test_every_decision_takes_its_row_off_the_list(shop, troubled):
    message, visit, run = troubled
    for kind, row, action in (
        ("messages", message, "again"),
        ("calls", visit, "done"),
        ("runs", run, "continue"),
    ):
        reply = act(shop, kind, row, action)
        assert (reply.status_code, reply["Location"]) == (302, f"{PAGE}?kind={kind}")
        assert "Nothing needs your attention here." in text_of(shop.client.get(f"{PAGE}?kind={kind}"))
    walk()
    with shop.scope():
        run.refresh_from_db()
        assert run.status == "waiting"


def test_who_comes_second_is_told_so(shop, troubled):
    _, _, run = troubled
    act(shop, "runs", run, "stop")
    assert "Somebody has dealt with this already." in act(shop, "runs", run, "continue").content.decode()


@pytest.mark.parametrize("path", ["messages/1/nonsense/", "nonsense/1/again/", "runs/1/again/"])
def test_other_decisions_do_not_exist(shop, path):
    assert shop.client.post(f"{PAGE}{path}").status_code == 404


def test_agents_and_other_workspaces_are_kept_out(shop, troubled):
    message, _, run = troubled
    shop.sign_in(make_member(shop.workspace, Role.AGENT).user)
    assert shop.client.get(PAGE).status_code in (302, 403)
    other = make_workspace("other")
    shop.sign_in(make_member(other, Role.OWNER).user)
    assert message.text not in text_of(shop.client.get(PAGE))
    assert "already" in act(shop, "runs", run, "stop").content.decode()
    with shop.scope():
        run.refresh_from_db()
        assert run.end_reason == "quarantined"


def test_a_long_list_is_paged_by_what_was_shown_last(shop):
    workflow, _ = asked(shop.workspace, shop.channel, sender="p0")
    for number in range(1, 27):
        asked(shop.workspace, shop.channel, sender=f"p{number}", workflow=workflow)
    with shop.scope():
        Message.objects.filter(direction="out").update(status="unknown")
    first = shop.client.get(PAGE)
    assert len(first.context["rows"]) == 25
    older = shop.client.get(f"{PAGE}?kind=messages&before={first.context['older']}")
    assert len(older.context["rows"]) == 2
    assert older.context["older"] is None


def test_the_number_of_queries_does_not_grow_with_the_list(shop, django_assert_max_num_queries):
    workflow, run = asked(shop.workspace, shop.channel, sender="p0")
    for number in range(1, 6):
        _, run = asked(shop.workspace, shop.channel, sender=f"p{number}", workflow=workflow)
        quarantine(shop.workspace, run)
    make_channel(shop.workspace)
    with django_assert_max_num_queries(30):
        shop.client.get(f"{PAGE}?kind=runs")


@pytest.mark.parametrize(
    "decision",
    [
        ("messages", "delivered", "message_mark_delivered"),
        ("calls", "done", "call_acknowledge"),
        ("runs", "continue", "run_continue"),
        ("runs", "stop", "run_give_up"),
    ],
)
def test_whoever_comes_second_is_told_so(shop, troubled, monkeypatch, decision):
    """Both have read the row before either of them acts, as on a double click."""
    kind, action, service = decision
    row = dict(zip(("messages", "calls", "runs"), troubled, strict=True))[kind]
    once = getattr(attention, service)

    def twice(**values):
        once(**values)
        once(**values)

    monkeypatch.setattr(attention, service, twice)
    assert act(shop, kind, row, action).status_code == 409
