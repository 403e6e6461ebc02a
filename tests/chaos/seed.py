"""Fills an empty installation for a chaos run. Run in its environment; prints what the feeders must know.

``python -m tests.chaos.seed <provider url> <contacts per lane as JSON>``
"""

from __future__ import annotations

import json
import sys

import django

django.setup()

from django.db import connection  # noqa: E402 - after setup
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from channels_app.models import Channel  # noqa: E402
from contacts.models import Contact, ContactIdentity, Tag  # noqa: E402
from conversations.models import Conversation  # noqa: E402
from isflow.workspaces.models import Workspace  # noqa: E402
from isflow.workspaces.scope import workspace_scope  # noqa: E402
from isflow.workspaces.services.workspaces import Person, first_owner_create  # noqa: E402
from tests.chaos.planted import planted  # noqa: E402
from tests.factories_workflows import document, publish  # noqa: E402
from workflows.models import WorkflowVersion  # noqa: E402

INCOMING, OUTGOING = "canary-incoming-5f3a9c1e", "canary-outgoing-8b2d7e40"
CHANNELS = 4
ASK_SECONDS = 5
WATCHES = """
CREATE TABLE chaos_status (message bigint, was text, became text, at timestamptz DEFAULT clock_timestamp());
CREATE TABLE chaos_lost (run bigint, lost int, at timestamptz DEFAULT clock_timestamp());
CREATE FUNCTION chaos_status() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO chaos_status (message, was, became) VALUES (NEW.id, OLD.status, NEW.status); RETURN NULL;
END $$;
CREATE FUNCTION chaos_lost() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO chaos_lost (run, lost) VALUES (NEW.id, NEW.lost_leases); RETURN NULL;
END $$;
CREATE TRIGGER chaos_status AFTER UPDATE OF status ON conversations_message FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION chaos_status();
CREATE TRIGGER chaos_lost AFTER UPDATE OF lost_leases ON workflows_run FOR EACH ROW
  WHEN (NEW.lost_leases > OLD.lost_leases) EXECUTE FUNCTION chaos_lost();
"""
"""What PostgreSQL itself notes down, so that no moment goes unseen."""


def main(provider, lanes):
    user = first_owner_create(
        person=Person("chaos@example.org", "not-a-secret-8472", "Chaos", "Monkey"),
        workspace_name="Chaos",
        timezone="UTC",
    )
    workspace = Workspace.objects.get()
    Workspace.objects.update(webhook_rate_limit=1_000_000)
    with workspace_scope(workspace.pk):
        channels = [_channel(workspace, provider, number) for number in range(CHANNELS)]
        tags = [Tag.objects.create(workspace=workspace, name=name) for name in ("good", "bad")]
        people = {lane: _people(workspace, channels, lane, number) for lane, number in lanes.items()}
    flows = _flows(workspace, provider, tags)
    with connection.cursor() as cursor:
        cursor.execute(WATCHES)
        if planted() == "check_then_insert":
            cursor.execute("DROP INDEX run_one_active_per_contact")
            cursor.execute("ALTER TABLE workflows_enrolment DROP CONSTRAINT enrolment_once")
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return {
        "slug": workspace.slug,
        "session": browser.cookies["sessionid"].value,
        "channels": {
            f"/send{number}": {"hook": f"/hooks/channel/{channel.token}/", "token": INCOMING}
            for number, channel in enumerate(channels)
        },
        "people": people,
        "flows": {name: flow.pk for name, flow in flows.items()},
        "versions": {name: flow.published_id for name, flow in flows.items()},
        "hook": f"/hooks/workflow/{workspace.public_id}/{flows['hook'].webhook_token}",
        "canaries": [INCOMING, OUTGOING],
        "ask_seconds": ASK_SECONDS,
    }


def _channel(workspace, provider, number):
    config = {
        "incoming_token": INCOMING,
        "outgoing_url": f"{provider}/send{number}",
        "outgoing_token": OUTGOING,
    }
    return Channel.objects.create(workspace=workspace, kind="custom", name=f"Chaos {number}", config=config)


def _people(workspace, channels, lane, number):
    """So many contacts who can be reached and whose last conversation is over; their ids."""
    now = timezone.now()
    people = Contact.objects.bulk_create(
        [
            Contact(
                workspace=workspace,
                first_name=f"{lane}{n}",
                email=f"{lane}{n}@example.org",
                last_channel=channels[n % len(channels)],
            )
            for n in range(number)
        ],
        batch_size=1_000,
    )
    ContactIdentity.objects.bulk_create(
        [
            ContactIdentity(
                workspace=workspace,
                contact=person,
                channel=person.last_channel,
                address=f"{lane}{n}",
                last_incoming_at=now,
            )
            for n, person in enumerate(people)
        ],
        batch_size=1_000,
    )
    Conversation.objects.bulk_create(
        [
            Conversation(
                workspace=workspace,
                contact=person,
                channel=person.last_channel,
                status="closed",
                opened_at=now,
                closed_at=now,
                opened_source="user",
                closed_source="user",
                last_activity_at=now,
            )
            for person in people
        ],
        batch_size=1_000,
    )
    return [person.pk for person in people]


def _flows(workspace, provider, tags):
    child = publish(
        workspace,
        document(
            "manual",
            ("tell", "send_message", {"default": {"text": "Child $workflow.run_id"}}),
            ("note", "add_comment", {"text": "Done $workflow.run_id"}),
        ),
        "Child",
    )
    hook = {"identifier_type": "email", "identifier_key": "$.email"}
    field = {"field": {"slug": "country", "label": "Country"}}
    triggers = {
        "opened": ("conversation_opened", {}, False),
        "hook": ("incoming_webhook", {**hook, "variables": [{"key": "$.order", "name": "order"}]}, True),
        "field": ("contact_field_updated", field, False),
    }
    flows = {"child": child}
    for name, (trigger, config, once) in triggers.items():
        draft = _story(trigger, config, provider, tags, child, once=once)
        flows[name] = publish(workspace, draft, name.title())
        _ask_briefly(flows[name])
    return flows


def _story(trigger, config, provider, tags, child, *, once):  # noqa: PLR0913 - the parts of one story
    good, bad = ({"tags": [{"id": tag.pk, "label": tag.name}]} for tag in tags)

    def call(way):
        return {
            "method": "POST",
            "url": f"{provider}/call?run=$workflow.run_id",
            "body": "{}",
            "may_repeat": True,
            "status_variable": f"code{way}",
            "mapping": [{"key": "$.child", "variable": f"child{way}"}],
        }

    ask = {
        "text": "Happy $workflow.run_id?",
        "timeout_branch": True,
        "timeout": {"value": 60, "unit": "seconds"},
    }
    good, bad = ("update_contact_tag", good), ("update_contact_tag", bad)
    field = {"updates": [{"field": {"slug": "lastname"}, "value": "$workflow.run_id"}]}

    def rest(way):
        yield f"note_{way}", "add_comment", {"text": "Done $workflow.run_id"}
        outlets = {"yes": f"another_{way}", "else": f"close_{way}"}
        yield f"more_{way}", "branch", _branch("yes", f"child{way[0]}", "yes"), outlets
        trigger_child = {"workflow": {"id": child.pk, "label": "Child"}}
        yield f"another_{way}", "trigger_workflow", trigger_child, {"next": f"close_{way}a"}
        yield f"close_{way}a", "close_conversation", {}, {}
        yield f"close_{way}", "close_conversation", {}, {}

    def tail(way):
        yield f"call_{way}", "http_request", call(way)
        yield (
            f"choose_{way}",
            "branch",
            _branch("ok", f"code{way}", "200"),
            {"ok": f"good_{way}", "else": f"bad_{way}"},
        )
        yield f"good_{way}", *good, {"next": f"note_{way}g"}
        yield from rest(f"{way}g")
        yield f"bad_{way}", *bad, {"next": f"note_{way}b"}
        yield from rest(f"{way}b")

    return document(
        trigger,
        ("field", "update_contact_field", field),
        ("tell", "send_message", {"default": {"text": "Tell $workflow.run_id"}}),
        ("pause", "wait", {"duration": {"value": 1, "unit": "seconds"}}),
        ("ask", "ask_question", ask, {"success": "call_a", "timeout": "call_t"}),
        *tail("a"),
        *tail("t"),
        config=config,
        once=once,
    )


def _branch(name, variable, value):
    condition = {"category": "variable", "variable": variable, "operator": "eq", "values": [value]}
    return {"branches": [{"id": name, "name": name, "conditions": [condition]}]}


def _ask_briefly(flow):
    """No editor offers so short a time; nobody has loaded this version yet, so it may still be changed."""
    with workspace_scope(flow.workspace_id):
        version = WorkflowVersion.objects.get(pk=flow.published_id)
        version.definition["steps"]["ask"]["config"]["timeout"]["value"] = ASK_SECONDS
        WorkflowVersion.objects.filter(pk=version.pk).update(definition=version.definition)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]))))
