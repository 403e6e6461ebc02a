"""Long lists: pages begin at a row, nothing is counted, and a page costs the same wherever it is."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories_contacts import make_contacts
from tests.factories_workflows import document, publish
from tests.workflows.admin.conftest import LIST, RUNS
from workflows.admin import words
from workflows.models import Run

PAGE = 50


@pytest.fixture
def runs(shop):
    """More runs than two pages hold, by age."""
    workflow = publish(shop.workspace, document("manual", ("note", "add_comment", {"text": "Hello"})))
    with shop.scope():
        return Run.objects.bulk_create(
            Run(
                workspace=shop.workspace,
                workflow=workflow,
                version_id=workflow.published_id,
                contact=contact,
                status="ended" if number % 3 else "waiting",
                end_reason="completed" if number % 3 else "",
                started_at=timezone.now(),
            )
            for number, contact in enumerate(make_contacts(shop.workspace, 2 * PAGE + 20))
        )


def listed(shop, query=""):
    return shop.client.get(f"{RUNS}{query}").context["cl"]


def ids(rows):
    return [row.pk for row in rows]


def test_one_pages_from_the_newest_to_the_oldest_and_back(shop, runs):
    newest_first = ids(reversed(runs))
    first = listed(shop)
    second = listed(shop, first.older)
    last = listed(shop, second.older)

    assert ids(first.result_list) == newest_first[:PAGE]
    assert ids(second.result_list) == newest_first[PAGE : 2 * PAGE]
    assert ids(last.result_list) == newest_first[2 * PAGE :]
    assert (first.newer, last.older) == ("", "")
    again = listed(shop, last.newer)
    assert ids(again.result_list) == newest_first[PAGE : 2 * PAGE]
    top = listed(shop, again.newer)
    assert ids(top.result_list) == newest_first[:PAGE]
    assert top.newer == ""
    assert top.older == first.older


def test_filters_stay_on_every_page(shop, runs):
    ended = [run for run in reversed(runs) if run.status == "ended"]
    first = listed(shop, f"?workflow={runs[0].workflow_id}&state=ended&reason=completed")
    second = listed(shop, first.older)

    assert ids(first.result_list) == ids(ended[:PAGE])
    assert ids(second.result_list) == ids(ended[PAGE:])
    assert second.older == ""


def test_links_to_the_pages_beside_are_shown(shop, runs):
    older = listed(shop).older.replace("&", "&amp;")
    assert f'href="{older}"' in shop.client.get(RUNS).content.decode()
    assert 'href="?p=-' in shop.client.get(f"{RUNS}{listed(shop).older}").content.decode()


def test_a_page_below_the_last_leads_back(shop, runs):
    below = listed(shop, f"?p={runs[0].pk}")
    assert below.result_list == []
    assert ids(listed(shop, below.newer).result_list)[0] == runs[-1].pk


@pytest.mark.parametrize("page", ["x", "-", "", "1.5", "9" * 30, "²"])
def test_a_page_that_does_not_exist_is_answered_with_the_first(shop, runs, page):
    reply = shop.client.get(f"{RUNS}?p={page}", follow=True)
    assert ids(reply.context["cl"].result_list)[0] == runs[-1].pk


def queries(shop, query):
    with CaptureQueriesContext(connection) as captured:
        assert shop.client.get(f"{RUNS}{query}").status_code == 200
    return [entry["sql"] for entry in captured]


def test_every_page_costs_the_same_few_queries_and_counts_nothing(shop, runs):
    workflow = runs[0].workflow_id
    queries(shop, "")
    pages = [
        "",
        f"?workflow={workflow}",
        f"?p={runs[60].pk}",
        f"?p=-{runs[60].pk}&state=active",
        "?_facets=1",
    ]
    spent = [queries(shop, page) for page in pages]

    assert {len(statements) for statements in spent} == {len(spent[0])}
    assert len(spent[0]) <= 12
    assert [sql for statements in spent for sql in statements if "COUNT(" in sql or "OFFSET" in sql] == []


def test_the_number_of_people_inside_is_counted_no_further_than_needed(shop, runs, monkeypatch):
    def shown():
        row = shop.client.get(LIST).context["cl"].result_list[0]
        return row.people

    assert shown() == 40
    monkeypatch.setattr(words, "MANY", 10)
    assert shown() == 11
    text = shop.client.get(LIST).content.decode()
    assert ">10+</a>" in text
    page = shop.client.get(f"{LIST}{runs[0].workflow_id}/change/").content.decode()
    assert "More than 10 contacts are inside" in page
