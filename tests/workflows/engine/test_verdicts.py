"""Many workflows listen to one kind of event: each gets its verdict, and the decision stays small."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from contacts.models import Tag
from isflow.workspaces.scope import workspace_scope
from tests.bench.flows import flow_tag
from tests.factories import make_workspace
from tests.factories_contacts import make_contacts
from tests.factories_workflows import publish
from workflows.engine.pull import pull
from workflows.models import Decision, Event, Run, fold, unfold


def test_what_is_folded_unfolds_to_the_same_verdicts():
    rows = [[7, "not_matched", 0, "a"], [8, "started", None, ""], [9, "not_matched", 0, "a"]]
    folded = fold(rows)

    assert folded == [[[7, 9], "not_matched", 0, "a"], [8, "started", None, ""]]
    assert sorted(unfold(folded)) == rows
    assert fold(unfold(folded)) == folded


def test_what_was_stored_before_or_is_no_verdict_does_no_harm():
    assert unfold([[7, "started", None, ""]]) == [[7, "started", None, ""]]
    assert unfold([[None, "answered", None, "run 3"]]) == [[None, "answered", None, "run 3"]]
    for odd in (None, {}, "odd", [1], [["x"]], [[[], "odd", None, ""]]):
        assert unfold(odd) == []


@pytest.mark.django_db
def test_every_listening_workflow_gets_a_verdict_in_a_small_decision(hints):
    workspace = make_workspace()
    with workspace_scope(workspace.pk):
        tags = [Tag.objects.create(workspace=workspace, name=f"Tag {n}").pk for n in range(20)]
    workflows = [publish(workspace, flow_tag(tag)) for tag in tags]
    (contact,) = make_contacts(workspace, 1)
    with workspace_scope(workspace.pk):
        payload = {"action": "add", "tag_id": tags[3], "tag": "Tag 3"}
        event = Event.objects.create(
            workspace=workspace,
            contact=contact,
            kind="contact_tag_updated",
            payload=payload,
            source="user",
            at=timezone.now(),
        )
        pull()
        stored = Decision.objects.get(event=event).verdicts

        told = {version_id: verdict for version_id, verdict, _index, _reason in unfold(stored)}
        assert told == {w.published_id: "not_matched" for w in workflows} | {
            workflows[3].published_id: "started"
        }
        assert len(json.dumps(stored)) < 300
        assert Run.objects.get(event_id=event.pk).workflow_id == workflows[3].pk
