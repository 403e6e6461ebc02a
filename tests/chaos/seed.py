"""Fills an empty installation for a chaos run. Run in its environment; prints what the feeders must know.

``python -m tests.chaos.seed <provider url> <contacts per lane as JSON> <number of agents>``
"""

from __future__ import annotations

import json
import sys
from itertools import cycle

import django

django.setup()

from django.db import connection  # noqa: E402 - after setup
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from channels_app.models import Channel  # noqa: E402
from contacts.models import Contact, ContactIdentity, Tag  # noqa: E402
from conversations.models import Conversation  # noqa: E402
from isflow.workspaces.models import Membership, Role, User, Workspace  # noqa: E402
from isflow.workspaces.scope import workspace_scope  # noqa: E402
from isflow.workspaces.services.workspaces import Person, first_owner_create  # noqa: E402
from tests.chaos.planted import planted  # noqa: E402
from tests.chaos.stories import ASK_SECONDS, make_flows  # noqa: E402

INCOMING, OUTGOING = "canary-incoming-5f3a9c1e", "canary-outgoing-8b2d7e40"
CHANNELS = 4
OVERSEERS = 4
"""Of the agents, so many see every contact; the others only their own."""
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


def main(provider, lanes, agents):
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
        team = [_agent(workspace, number) for number in range(agents)]
        own = [member.user for member in team[OVERSEERS:]] or [None]
        people = {lane: _people(workspace, channels, lane, number, own) for lane, number in lanes.items()}
    flows = make_flows(workspace, provider, tags)
    with connection.cursor() as cursor:
        cursor.execute(WATCHES)
        if planted() == "check_then_insert":
            cursor.execute("DROP INDEX run_one_active_per_contact")
            cursor.execute("ALTER TABLE workflows_enrolment DROP CONSTRAINT enrolment_once")
    return {
        "slug": workspace.slug,
        "session": _session(user),
        "agents": [
            {"email": member.user.email, "session": _session(member.user), "status": status}
            for member, status in zip(team, cycle(("closed", "open")), strict=False)
        ],
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


def _session(user):
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return browser.cookies["sessionid"].value


def _agent(workspace, number):
    """Somebody who looks at the inbox."""
    user = User.objects.create(email=f"agent{number}@example.org", first_name=f"Agent {number}")
    restrictions = [] if number < OVERSEERS else ["show_only_mine"]
    return Membership.objects.create(
        workspace=workspace, user=user, role=Role.AGENT, restrictions=restrictions
    )


def _channel(workspace, provider, number):
    config = {
        "incoming_token": INCOMING,
        "outgoing_url": f"{provider}/send{number}",
        "outgoing_token": OUTGOING,
    }
    return Channel.objects.create(workspace=workspace, kind="custom", name=f"Chaos {number}", config=config)


def _people(workspace, channels, lane, number, own):
    """So many contacts who can be reached, whose last conversation is over, with their agents; their ids."""
    now = timezone.now()
    people = Contact.objects.bulk_create(
        [
            Contact(
                workspace=workspace,
                first_name=f"{lane}{n}",
                email=f"{lane}{n}@example.org",
                last_channel=channels[n % len(channels)],
                assignee=own[n % len(own)],
                assigned_at=now,
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
                assignee=person.assignee,
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


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]))))
