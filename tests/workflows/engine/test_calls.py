"""Outside calls: announced first, made once; after a lost worker unknown, or repeated with one key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from isflow.infra import faults, http
from tests.factories import make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import document, looking, only_run, publish, walk, write
from workflows.models import Run, StepExecution, Wait

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(datetime(2026, 11, 20, 9, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def shop():
    workspace = make_workspace()
    return workspace, make_channel(workspace, kind="web_chat")


@pytest.fixture
def world(monkeypatch):
    """The other side: remembers every request and answers 200."""
    seen = []

    def send(request):
        seen.append(request)
        return http.HttpAnswer(
            status=200,
            headers=(("content-type", "application/json"),),
            body=b'{"n": 7}',
            truncated=False,
            elapsed=0.1,
        )

    monkeypatch.setattr(http, "send", send)
    return seen


def call(*, may_repeat):
    return document(
        "conversation_opened",
        (
            "call",
            "http_request",
            {
                "method": "POST",
                "url": "https://api.example.org/orders",
                "may_repeat": may_repeat,
                "mapping": [{"key": "$.n", "variable": "n"}],
            },
        ),
        ("tell", "send_message", {"default": {"text": "n=$n"}}),
    )


def die_and_come_back(shop, clock, point):
    """The worker dies at the point; its lease runs out; another one goes on."""
    write(shop[1], "hello")
    faults.arm(point, faults.die)
    with pytest.raises(faults.Crash):
        walk()
    faults.disarm_all()
    walk()
    assert only_run(shop[0]).status == Run.Status.RUNNING
    clock.shift(timedelta(seconds=11))
    walk()


def visit(workspace):
    with looking(workspace):
        return StepExecution.objects.get(step_id="call")


def test_an_answer_is_mapped_and_the_run_goes_on(shop, world):
    publish(shop[0], call(may_repeat=False))
    contact = write(shop[1], "hello")
    walk()
    assert len(world) == 1
    with looking(shop[0]):
        assert contact.messages.get(direction="out").text == "n=7"
    assert visit(shop[0]).status == StepExecution.Status.DONE


@pytest.mark.parametrize(("point", "calls"), [("runner.before_call", 0), ("runner.after_call", 1)])
def test_a_lost_call_is_unknown_and_never_made_again(shop, world, clock, point, calls):
    publish(shop[0], call(may_repeat=False))
    die_and_come_back(shop, clock, point)
    assert len(world) == calls
    assert visit(shop[0]).status == StepExecution.Status.UNKNOWN
    assert only_run(shop[0]).end_reason == "completed"


@pytest.mark.parametrize(("point", "calls"), [("runner.before_call", 1), ("runner.after_call", 2)])
def test_a_call_that_may_repeat_is_made_again_with_the_same_key(shop, world, clock, point, calls):
    publish(shop[0], call(may_repeat=True))
    die_and_come_back(shop, clock, point)
    assert len(world) == calls
    keys = {dict(request.headers).get("Idempotency-Key") for request in world}
    assert len(keys) == 1
    assert None not in keys
    assert visit(shop[0]).status == StepExecution.Status.DONE
    assert only_run(shop[0]).end_reason == "completed"


def test_a_timer_is_never_early_and_fires_once(shop, clock):
    publish(
        shop[0],
        document("conversation_opened", ("pause", "wait", {"duration": {"value": 9, "unit": "seconds"}})),
    )
    write(shop[1], "hello")
    walk()
    with looking(shop[0]):
        # Somebody looks too early, as a worker does that takes over an abandoned run.
        Run.objects.update(wake_at=Wait.objects.get().opened_at)
    walk()
    run = only_run(shop[0])
    with looking(shop[0]):
        assert (run.status, run.wake_at) == (Run.Status.WAITING, Wait.objects.get().wake_at)
    clock.shift(timedelta(seconds=8))
    walk()
    assert only_run(shop[0]).status == Run.Status.WAITING
    clock.shift(timedelta(seconds=1))
    walk()
    walk()
    assert only_run(shop[0]).end_reason == "completed"
    with looking(shop[0]):
        assert StepExecution.objects.filter(step_id="pause").count() == 1


def test_a_published_version_never_changes(shop):
    workspace, channel = shop
    publish(workspace, document("conversation_opened", ("ask", "ask_question", {"text": "Old?"})), "Asks")
    write(channel, "hello", sender="ada")
    walk()
    run = only_run(workspace)
    with looking(workspace):
        version = run.version
        with pytest.raises(TypeError):
            version.save()
