from __future__ import annotations

from datetime import timedelta

import pytest

from isflow.infra import workers
from isflow.workspaces.models import AuditEntry
from tests.factories import make_user, make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import looking, walk
from tests.workflows.troubles import asked
from workflows.admin import operator
from workflows.engine.clock import now
from workflows.models import Run, Wait

PAGE = "/admin/workflows/timer/"


@pytest.fixture
def boss(shop):
    shop.sign_in(make_user("root@example.org", is_superuser=True, is_staff=True))
    return shop


@pytest.fixture
def timer(shop):
    _, run = asked(shop.workspace, shop.channel)
    return run


def post(shop, run, action, **values):
    values = {"seen": run.wake_at.isoformat(), "action": action, **values}
    return shop.client.post(f"{PAGE}{run.pk}/change/", values, follow=True)


def fresh(shop, run):
    with shop.scope():
        return Run.objects.get(pk=run.pk)


def test_owners_of_a_workspace_are_kept_out(shop, timer):
    assert shop.client.get(PAGE).status_code == 403
    assert shop.client.get(f"{PAGE}{timer.pk}/change/").status_code == 403
    assert post(shop, timer, "cancel").status_code == 403
    assert fresh(shop, timer).status == "waiting"


def test_the_operator_sees_timers_of_every_workspace(boss, timer):
    other = make_workspace("other")
    asked(other, make_channel(other, kind="web_chat"), sender="bob")
    reply = boss.client.get(PAGE)
    text = reply.content.decode()
    assert [row.contact.first_name for row in reply.context["timers"]] == ["Ada", "Bob"]
    assert "Acme" in text
    assert "Other" in text
    only = boss.client.get(PAGE, {"workspace": other.pk}).context["timers"]
    assert [row.workspace_id for row in only] == [other.pk]
    assert [row.contact.first_name for row in boss.client.get(PAGE, {"q": "bob"}).context["timers"]] == [
        "Bob"
    ]
    assert boss.client.get(PAGE, {"q": f"#{timer.pk}"}).context["timers"]


def test_queues_and_workers_are_shown(boss, timer):
    workers.forget()
    text = boss.client.get(PAGE).content.decode()
    assert "No worker was heard of" in text
    assert "nobody looks for work" in text
    workers.beat()
    with boss.scope():
        Run.objects.update(wake_at=now() - timedelta(minutes=5))
    reply = boss.client.get(PAGE)
    assert len(reply.context["workers"]) == 1
    runs = reply.context["queues"][0]
    assert (runs["size"], runs["is_late"]) == (1, True)


def test_a_timer_is_fired(boss, timer):
    assert "the run goes on" in post(boss, timer, "fire").content.decode()
    walk()
    assert fresh(boss, timer).status == "ended"
    with boss.scope():
        assert Wait.objects.get().resolution == {"type": "timed_out"}
    entry = AuditEntry.objects.get(action="timer.fired")
    assert (entry.workspace, entry.user.email) == (boss.workspace, "root@example.org")


def test_a_timer_is_postponed(boss, timer):
    post(boss, timer, "postpone", minutes="45")
    assert fresh(boss, timer).wake_at == timer.wake_at + timedelta(minutes=45)


@pytest.mark.parametrize("minutes", ["", "0", "-3", "x", "99999999"])
def test_a_timer_is_not_postponed_by_nonsense(boss, timer, minutes):
    assert "minutes" in post(boss, timer, "postpone", minutes=minutes).content.decode()
    assert fresh(boss, timer).wake_at == timer.wake_at


def test_a_run_is_cancelled(boss, timer):
    post(boss, timer, "cancel")
    assert fresh(boss, timer).end_reason == "stopped_by_user"


def test_what_has_moved_on_since_it_was_shown_is_left_alone(boss, timer):
    with looking(boss.workspace):
        Run.objects.update(wake_at=timer.wake_at + timedelta(seconds=5))
    for action in ("fire", "cancel", "postpone"):
        assert "moved on" in post(boss, timer, action, minutes="5").content.decode()
    assert fresh(boss, timer).status == "waiting"


@pytest.mark.parametrize("values", [{"seen": "x"}, {"seen": ""}, {"seen": "2026-99-99T00:00"}])
def test_a_form_that_does_not_say_what_it_saw_does_nothing(boss, timer, values):
    post(boss, timer, "cancel", **values)
    assert fresh(boss, timer).status == "waiting"


def test_other_actions_do_not_exist(boss, timer):
    assert post(boss, timer, "explode").status_code == 404
    assert boss.client.get(f"{PAGE}999999/change/").status_code == 404


def test_pages_follow_each_other(boss, timer, monkeypatch):
    monkeypatch.setattr(operator, "PAGE", 2)
    with boss.scope():
        workflow = timer.workflow
    for name in ("bob", "cid", "dan"):
        asked(boss.workspace, boss.channel, sender=name, workflow=workflow)
    first = boss.client.get(PAGE)
    second = boss.client.get(PAGE + first.context["later_url"])
    names = [row.contact.first_name for page in (first, second) for row in page.context["timers"]]
    assert names == ["Ada", "Bob", "Cid", "Dan"]
    assert second.context["later_url"] == ""


@pytest.mark.parametrize(
    "after",
    [
        "x",
        "_",
        "2026-99-01_4",
        "2026-01-01T00:00:00Z_x",
        "2026-01-01T00:00:00_1",
        "0001-01-01T00:00:00+14:00_1",
    ],
)
def test_a_broken_place_in_the_list_harms_nothing(boss, timer, after):
    assert boss.client.get(PAGE, {"after": after}).status_code == 200


def test_times_are_told_with_their_zone(boss, timer):
    told = f"{timer.wake_at:%H:%M:%S} UTC"
    assert told in boss.client.get(PAGE).content.decode()
    assert told in boss.client.get(f"{PAGE}{timer.pk}/change/").content.decode()


def test_the_operator_reads_no_pages_of_a_workspace(boss):
    assert boss.client.get("/admin/workflows/workflow/reference/").status_code == 403
