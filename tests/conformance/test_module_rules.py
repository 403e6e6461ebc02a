"""Rules of the life of a workflow: draft, published, stopped, cloned, deleted."""

from __future__ import annotations

import pytest

from isflow.kernel.errors import Conflict, Rejected
from tests.conformance.shop import WAIT, say
from tests.factories_workflows import document, looking
from workflows.models import Workflow, WorkflowVersion
from workflows.services import (
    InvalidDefinition,
    workflow_clone,
    workflow_create,
    workflow_delete,
    workflow_publish,
    workflow_save,
    workflow_stop,
)

GOOD = document("conversation_opened", say("a", "welcome"))


@pytest.fixture
def inside(shop):
    with looking(shop.workspace):
        yield shop


@pytest.mark.rule("S002.limit.workflows")
def test_a_hundred_workflows_are_the_most(inside):
    Workflow.objects.bulk_create(
        Workflow(workspace=inside.workspace, name=f"W {n}", webhook_token=f"t{n}", webhook_digest=f"d{n}")
        for n in range(99)
    )
    workflow_create(name="The hundredth")
    with pytest.raises(Rejected, match="limit"):
        workflow_create(name="One too many")


@pytest.mark.rule("SP.B1.name_taken", "S002.create.draft")
def test_a_taken_name_is_refused_with_a_free_one(inside):
    assert workflow_create(name="Welcome", draft=GOOD).status == "draft"
    with pytest.raises(Rejected, match=r"Welcome \(2\)"):
        workflow_create(name="Welcome")


@pytest.mark.rule("S002.edit.only_stopped")
def test_a_published_workflow_cannot_be_edited_a_stopped_one_can(inside):
    workflow = workflow_create(name="Welcome", draft=GOOD)
    workflow_publish(workflow=workflow)
    workflow.refresh_from_db()
    with pytest.raises(Conflict):
        workflow_save(workflow=workflow, draft=GOOD)
    with pytest.raises(Conflict):
        workflow_publish(workflow=workflow)
    workflow_stop(workflow=workflow)
    workflow.refresh_from_db()
    workflow_save(workflow=workflow, draft=GOOD)


@pytest.mark.rule("SP.B5.version_frozen")
def test_a_version_stays_as_it_was_published(inside):
    workflow = workflow_create(name="Welcome", draft=GOOD)
    first = workflow_publish(workflow=workflow)
    workflow_stop(workflow=workflow)
    workflow.refresh_from_db()
    workflow_save(workflow=workflow, draft=document("conversation_opened", say("a", "changed")))
    second = workflow_publish(workflow=workflow)
    kept = WorkflowVersion.objects.get(pk=first.pk)
    assert kept.definition == GOOD
    assert (kept.number, second.number) == (1, 2)


@pytest.mark.rule("S002.clone", "SP.B9.clone_own_address")
def test_a_clone_is_a_draft_with_an_address_of_its_own(inside):
    workflow = workflow_create(name="Welcome", draft=GOOD)
    workflow_publish(workflow=workflow)
    copy, another = workflow_clone(workflow=workflow), workflow_clone(workflow=workflow)
    assert (copy.name, copy.status, copy.draft) == ("Welcome clone", "draft", workflow.draft)
    assert another.name == "Welcome clone (2)"
    assert len({workflow.webhook_token, copy.webhook_token, another.webhook_token}) == 3
    assert not copy.versions.exists()


@pytest.mark.rule("S002.delete.not_published", "S002.delete.ejects")
def test_deleting_wants_a_stop_first_and_ejects_everybody(shop):
    workflow = shop.publish("conversation_opened", WAIT, say("a", "later"))
    shop.hears()
    with looking(shop.workspace):
        with pytest.raises(Conflict):
            workflow_delete(workflow=workflow)
        assert workflow_stop(workflow=workflow) == 1
        workflow_delete(workflow=workflow)
        assert not Workflow.objects.exists()
    assert shop.runs() == []


@pytest.mark.rule("S002.stop.not_reenrolled")
def test_who_was_ejected_is_not_taken_in_again(shop):
    workflow = shop.publish("conversation_opened", WAIT, say("a", "later"))
    shop.hears()
    with looking(shop.workspace):
        workflow_stop(workflow=workflow)
        workflow_publish(workflow=workflow)
    assert [(run.status, run.end_reason) for run in shop.runs()] == [("ended", "stopped_workflow")]


@pytest.mark.rule("S002.module.one_trigger_many_steps", "S004.send.default_required", "S004.send.text_limit")
@pytest.mark.parametrize(
    "draft",
    [
        {"format": 1, "trigger": GOOD["trigger"], "steps": {}},
        {"format": 1, "steps": GOOD["steps"]},
        document("conversation_opened", say("a", "")),
        document("conversation_opened", say("a", "x" * 2001)),
    ],
    ids=["no step", "no trigger", "no text", "long text"],
)
def test_a_faulty_document_is_not_published(inside, draft):
    workflow = workflow_create(name="Faulty", draft=draft)
    with pytest.raises(InvalidDefinition):
        workflow_publish(workflow=workflow)
    workflow.refresh_from_db()
    assert workflow.status == "draft"


@pytest.mark.rule("S002.module.columns")
def test_the_list_tells_status_name_and_who_did_what_when(shop, client):
    client.force_login(shop.nora(), backend="django.contrib.auth.backends.ModelBackend")
    with looking(shop.workspace):
        workflow = workflow_create(name="Welcome", description="Says hello", draft=GOOD, user=shop.nora())
        workflow_publish(workflow=workflow, user=shop.nora())
    page = client.get("/admin/workflows/workflow/").content.decode()
    for text in ("Name", "Status", "Last published by", "Last published", "Created by", "Date created"):
        assert text in page
    for text in ("Welcome", "Says hello", "Published", shop.nora().name):
        assert text in page


@pytest.mark.rule("SP2.13.http.method")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_five_methods_can_be_called(inside, method):
    step = ("a", "http_request", {"method": method, "url": "https://example.org/"})
    workflow = workflow_create(name="Call", draft=document("conversation_opened", step))
    if method == "TRACE":
        with pytest.raises(InvalidDefinition):
            workflow_publish(workflow=workflow)
    else:
        assert workflow_publish(workflow=workflow).number == 1
