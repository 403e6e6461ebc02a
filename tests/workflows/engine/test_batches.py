"""A hundred runs cost what one costs, in statements; poison harms only itself."""

from __future__ import annotations

import pytest
from django.db import DataError, connection, transaction
from django.test.utils import CaptureQueriesContext

from contacts.models import Contact
from conversations.models import Comment
from isflow.kernel.actor import Actor
from tests.factories import make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import connect, document, looking, publish, walk
from workflows.contract import Leave, SetField, StepConfig, StepType, step_types
from workflows.engine import effects
from workflows.engine.children import Start, start_directly
from workflows.engine.clock import now
from workflows.engine.versions import definitions
from workflows.models import Run, StepExecution

pytestmark = pytest.mark.django_db


def flow_m():
    """Flow M of the benchmark: branch, set a field, send a message in the web chat."""
    return document(
        "incoming_webhook",
        (
            "choose",
            "branch",
            {
                "branches": [
                    {
                        "id": "big",
                        "name": "Big",
                        "conditions": [
                            {"category": "variable", "variable": "total", "operator": "gt", "values": ["100"]}
                        ],
                    }
                ]
            },
            {"big": "field", "else": None},
        ),
        (
            "field",
            "update_contact_field",
            {"updates": [{"field": {"slug": "lastname"}, "value": "Big $total"}]},
        ),
        ("tell", "send_message", {"default": {"text": "Thank you, $contact.name"}}),
        config={
            "identifier_type": "email",
            "identifier_key": "$.email",
            "variables": [{"key": "$.total", "name": "total"}],
        },
    )


@pytest.fixture
def shop():
    workspace = make_workspace()
    channel = make_channel(workspace, kind="web_chat")
    return workspace, channel, publish(workspace, flow_m())


def contacts(shop, number):
    workspace, channel, _ = shop
    with looking(workspace):
        made = Contact.objects.bulk_create(
            Contact(workspace=workspace, first_name=f"C{n}", email=f"c{n}@example.org", last_channel=channel)
            for n in range(number)
        )
    for contact in made:
        connect(contact, channel, f"visitor-{contact.pk}")
    return made


def start(shop, people, total=500):
    workspace, _, workflow = shop
    with looking(workspace):
        definition = definitions([workflow.published_id])[workflow.published_id]
        with transaction.atomic():
            start_directly(
                [
                    Start(
                        workflow_id=workflow.pk,
                        version_id=workflow.published_id,
                        definition=definition,
                        contact_id=person.pk,
                        kind="webhook_received",
                        actor=Actor(source="api"),
                        variables={"total": total},
                    )
                    for person in people
                ],
                now(),
                workspace_id=workspace.pk,
            )


def counted():
    with CaptureQueriesContext(connection) as queries:
        walk()
    return [q["sql"] for q in queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))]


@pytest.mark.rule("DS4.constant_statements")
def test_a_hundred_runs_cost_as_many_statements_as_one(shop, settings):
    settings.ISFLOW_BATCH = 1_000  # so that the follow-up events, too, are one batch
    start(shop, contacts(shop, 1))
    one = counted()
    with looking(shop[0]):
        Run.objects.all().delete()
        Contact.objects.all().delete()
    start(shop, contacts(shop, 100))
    hundred = counted()
    with looking(shop[0]):
        assert Run.objects.filter(end_reason="completed").count() == 100
        assert StepExecution.objects.filter(step_id="tell", outlet="next").count() == 100
    assert len(hundred) == len(one), "\n".join(sql[:120] for sql in hundred)


class PoisonConfig(StepConfig):
    """Settings of the poison."""


@pytest.fixture
def poison():
    @step_types.register("poison")
    class Poison(StepType[PoisonConfig]):
        label = "Poison"
        config_class = PoisonConfig

        def execute(self, ctx, config):
            if ctx.contact.text("firstname") == "C3":
                raise RuntimeError("a fault in a plug-in")
            return Leave("next")

    yield
    step_types.unregister("poison")


def test_a_step_that_raises_harms_no_other_run_and_tells_why(shop, poison):
    workspace, _, _ = shop
    workflow = publish(
        workspace, document("incoming_webhook", ("bad", "poison", {}), config={"identifier_key": "$.e"})
    )
    people = contacts(shop, 8)
    start((workspace, None, workflow), people)
    walk()
    with looking(workspace):
        assert Run.objects.filter(status="ended", end_reason="completed").count() == 8
        failed = StepExecution.objects.exclude(error="").get()
        assert failed.run.contact_id == people[3].pk
        assert "a fault in a plug-in" in failed.error


@pytest.fixture
def half():
    @step_types.register("half")
    class Half(StepType[PoisonConfig]):
        label = "Half"
        config_class = PoisonConfig

        def execute(self, ctx, config):
            ctx.effect(SetField("lastname", "Half"))
            raise RuntimeError("a fault half way through")

    yield
    step_types.unregister("half")


def test_a_step_that_raises_leaves_nothing_of_what_it_wanted(shop, half):
    workspace, _, _ = shop
    workflow = publish(
        workspace,
        document(
            "incoming_webhook",
            ("bad", "half", {}),
            ("note", "add_comment", {"text": "Name: ($contact.lastname)"}),
            config={"identifier_key": "$.e"},
        ),
    )
    (person,) = contacts(shop, 1)
    with looking(workspace):
        Contact.objects.filter(pk=person.pk).update(last_name="Whole")
    start((workspace, None, workflow), [person])
    walk()
    with looking(workspace):
        assert Contact.objects.get(pk=person.pk).last_name == "Whole"
        assert Comment.objects.get().text == "Name: (Whole)"


@pytest.mark.parametrize("number", [1, 6])
def test_a_run_the_database_refuses_ends_alone_and_says_why(shop, monkeypatch, number):
    workspace, _, workflow = shop
    people = contacts(shop, number)
    start((workspace, None, workflow), people)
    apply = effects.apply

    def refuse(wanted):
        if any(row.contact_id == people[0].pk for row in wanted):
            raise DataError("value too long")
        return apply(wanted)

    monkeypatch.setattr(effects, "apply", refuse)
    walk()
    with looking(workspace):
        refused = Run.objects.get(contact=people[0])
        assert (refused.status, refused.end_reason) == ("ended", "internal_error")
        assert "value too long" in refused.end_message
        assert Run.objects.filter(end_reason="completed").count() == number - 1
