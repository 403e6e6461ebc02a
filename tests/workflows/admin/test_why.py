from __future__ import annotations

import pytest

from isflow.workspaces.models import Role
from tests.factories import make_member, make_workspace
from tests.factories_workflows import publish, walk, write
from tests.workflows.troubles import ASKING, asked
from workflows.admin import why
from workflows.models import Event

PAGE = "/admin/workflows/why/"


def entries(shop, **query):
    reply = shop.client.get(PAGE, query)
    assert reply.status_code == 200
    return reply.context["found"].entries


def test_a_start_is_told_with_the_way_to_its_run(shop):
    workflow, run = asked(shop.workspace, shop.channel)
    found = [line for entry in entries(shop) for line in entry.lines if line.run]
    assert [(line.verdict, line.run.pk) for line in found] == [("Started.", run.pk)]
    text = shop.client.get(PAGE).content.decode()
    assert f"/admin/workflows/run/{run.pk}/change/" in text
    assert workflow.name in text


def test_a_refusal_says_why(shop):
    workflow, run = asked(shop.workspace, shop.channel)
    with shop.scope():
        Event.objects.create(
            workspace=shop.workspace,
            contact=run.contact,
            kind="conversation_opened",
            payload={"conversation_id": 1, "source": "contact"},
            source="contact",
            at=run.started_at,
        )
    walk()
    newest = entries(shop, workflow=workflow.pk)[0]
    assert [line.verdict for line in newest.lines] == [
        "Not started: the contact is already in this workflow."
    ]


def test_the_list_shows_what_workflows_heard_unless_all_is_wanted(shop):
    asked(shop.workspace, shop.channel)
    heard, everything = entries(shop), entries(shop, all="")
    assert all(entry.lines for entry in heard)
    assert len(everything) > len(heard)


@pytest.mark.parametrize("field", ["first_name", "email", "pk"])
def test_a_contact_is_found_by_name_address_and_number(shop, field):
    workflow, run = asked(shop.workspace, shop.channel)
    asked(shop.workspace, shop.channel, sender="bob", workflow=workflow)
    with shop.scope():
        type(run.contact).objects.filter(pk=run.contact_id).update(email="ada@lovelace.example")
        run.contact.refresh_from_db()
    found = entries(shop, q=str(getattr(run.contact, field)))
    contacts = {entry.event.contact_id for entry in found}
    assert run.contact_id in contacts
    if field != "pk":
        assert contacts == {run.contact_id}


def test_of_one_contact_everything_is_told_even_what_nobody_listens_to(shop):
    _, run = asked(shop.workspace, shop.channel)
    found = entries(shop, contact=run.contact_id)
    assert any(not entry.lines for entry in found)
    assert {entry.event.contact_id for entry in found} == {run.contact_id}


def test_one_event_is_found_by_its_number(shop):
    _, run = asked(shop.workspace, shop.channel)
    assert run.event_id in {entry.event.pk for entry in entries(shop, q=f"#{run.event_id}")}
    assert [entry.event.pk for entry in entries(shop, event=run.event_id)] == [run.event_id]


def test_of_a_workflow_only_its_own_verdicts_are_told(shop):
    workflow, _ = asked(shop.workspace, shop.channel)
    publish(shop.workspace, ASKING, name="The other one")
    write(shop.channel, "hello", sender="bob")
    walk()
    names = {line.name for entry in entries(shop, workflow=workflow.pk) for line in entry.lines}
    assert names == {f"{workflow.name} · v1"}


def test_a_workflow_that_is_not_published_is_said_to_be_so(shop):
    draft = shop.make("Sleepy", ASKING)
    reply = shop.client.get(PAGE, {"workflow": draft.pk})
    assert "is not published now" in reply.content.decode()
    assert reply.context["found"].entries == ()


def test_an_undecided_event_is_said_to_be_so(shop):
    write(shop.channel, "hello")
    assert "Not decided yet." in shop.client.get(PAGE, {"all": ""}).content.decode()


def test_pages_follow_each_other_without_gap_or_repetition(shop, monkeypatch):
    monkeypatch.setattr(why, "PAGE", 2)
    workflow, _ = asked(shop.workspace, shop.channel, sender="p0")
    for number in range(1, 5):
        asked(shop.workspace, shop.channel, sender=f"p{number}", workflow=workflow)
    seen, before = [], None
    while True:
        reply = shop.client.get(PAGE, {"workflow": workflow.pk, **({"before": before} if before else {})})
        seen += [entry.event.pk for entry in reply.context["found"].entries]
        before = reply.context["found"].before
        if before is None:
            break
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 5


def test_a_long_search_stops_and_offers_to_look_further(shop, monkeypatch):
    monkeypatch.setattr(why, "CHUNK", 2)
    monkeypatch.setattr(why, "LOOKED_AT", 2)
    workflow, _ = asked(shop.workspace, shop.channel)
    reply = shop.client.get(PAGE, {"workflow": workflow.pk})
    assert reply.context["found"].before is not None


def test_the_number_of_queries_does_not_grow_with_the_list(shop, django_assert_max_num_queries):
    workflow, _ = asked(shop.workspace, shop.channel, sender="p0")
    for number in range(1, 9):
        asked(shop.workspace, shop.channel, sender=f"p{number}", workflow=workflow)
    with django_assert_max_num_queries(22):
        shop.client.get(PAGE)


def test_strangers_are_kept_out(shop):
    workflow, run = asked(shop.workspace, shop.channel)
    shop.sign_in(make_member(shop.workspace, Role.AGENT).user)
    assert shop.client.get(PAGE).status_code in (302, 403)
    other = make_workspace("other")
    shop.sign_in(make_member(other, Role.OWNER).user)
    for query in (
        {},
        {"all": ""},
        {"contact": run.contact_id},
        {"workflow": workflow.pk},
        {"event": run.event_id},
    ):
        assert entries(shop, **query) == ()


@pytest.mark.parametrize(
    "query", ["q=%00", "before=x", "workflow=99999999999999999999", "contact=-1", "q=" + "9" * 50]
)
def test_nonsense_asks_for_nothing_and_harms_nothing(shop, query):
    assert shop.client.get(f"{PAGE}?{query}").status_code == 200


def test_the_page_of_the_row_is_that_of_the_event(shop):
    _, run = asked(shop.workspace, shop.channel)
    reply = shop.client.get(f"{PAGE}{run.event_id}/change/")
    assert reply["Location"] == f"/admin/workflows/event/{run.event_id}/change/"


def test_what_is_typed_is_looked_for_among_all_events(shop):
    _, run = asked(shop.workspace, shop.channel)
    found = entries(shop, event=run.event_id, q="Ada")
    assert len(found) == len(entries(shop, q="Ada")) > 1
