"""The measured workflows F, M and W, and the rows they need around them."""

from __future__ import annotations

from django.utils import timezone

from channels_app.models import Channel
from contacts.models import Contact, ContactIdentity
from isflow.workspaces.models import Workspace
from isflow.workspaces.scope import workspace_scope
from tests.factories_workflows import document, publish

TRIGGER = {
    "identifier_type": "email",
    "identifier_key": "$.email",
    "variables": [{"key": "$.order.total", "name": "total"}, {"key": "$.order.id", "name": "order"}],
}
BIG = {
    "branches": [
        {
            "id": "big",
            "name": "Big",
            "conditions": [
                {"category": "variable", "variable": "total", "operator": "gt", "values": ["100"]}
            ],
        }
    ]
}
FIELD = {"updates": [{"field": {"slug": "lastname"}, "value": "Order $order"}]}


def call(stub_url):
    """Settings of the HTTP request that tells the stub which order it is about."""
    return {"method": "POST", "url": f"{stub_url}/hit?id=$order", "body": '{"order": "$order"}'}


def flow_f(stub_url):
    """Webhook, branch, field, HTTP request."""
    return _chain(("call", "http_request", call(stub_url)))


def flow_m():
    """Webhook, branch, field, message in the web chat."""
    return _chain(("tell", "send_message", {"default": {"text": "Thank you for order $order."}}))


def flow_w(stub_url, seconds=2):
    """Webhook, wait, HTTP request."""
    return document(
        "incoming_webhook",
        ("pause", "wait", {"duration": {"value": seconds, "unit": "seconds"}}),
        ("call", "http_request", call(stub_url)),
        config=TRIGGER,
    )


def flow_wait():
    """Started by hand: wait a day, end."""
    return document("manual", ("pause", "wait", {"duration": {"value": 1, "unit": "days"}}))


def flow_tag(tag_id):
    """A tag is added: note it in a field."""
    return document(
        "contact_tag_updated",
        ("field", "update_contact_field", {"updates": [{"field": {"slug": "lastname"}, "value": "VIP"}]}),
        config={"tags": [{"id": tag_id}]},
    )


def flow_talk(questions=25):
    """A talk in the web chat: every message of the visitor is answered by the next question."""
    asked = [(f"q{n}", "ask_question", {"text": f"Question {n}?"}) for n in range(questions)]
    return document("conversation_opened", *asked)


def _chain(last):
    return document(
        "incoming_webhook",
        ("choose", "branch", BIG, {"big": "field", "else": None}),
        ("field", "update_contact_field", FIELD),
        last,
        config=TRIGGER,
    )


def payload(number, order):
    """What a shop posts: contact ``number`` placed this order."""
    return {"email": email(number), "order": {"id": order, "total": 250}}


def email(number):
    return f"c{number}@example.org"


def make_shop(slug, draft, contacts):
    """A workspace as below, and one published workflow."""
    workspace = make_workspace(slug, contacts)
    return workspace, publish(workspace, draft, slug)


def make_workspace(slug, contacts):
    """A workspace with a web chat and so many contacts reachable on it."""
    workspace = Workspace.objects.create(name=slug, slug=slug, webhook_rate_limit=1_000_000)
    with workspace_scope(workspace.pk):
        channel = Channel.objects.create(workspace=workspace, kind="web_chat", name="Chat")
        people = Contact.objects.bulk_create(
            [
                Contact(workspace=workspace, first_name=f"C{n}", email=email(n), last_channel=channel)
                for n in range(contacts)
            ],
            batch_size=1_000,
        )
        now = timezone.now()
        ContactIdentity.objects.bulk_create(
            [
                ContactIdentity(
                    workspace=workspace,
                    contact=person,
                    channel=channel,
                    address=f"visitor-{person.pk}",
                    last_incoming_at=now,
                )
                for person in people
            ],
            batch_size=1_000,
        )
    return workspace


def webhook_path(workspace, workflow):
    return f"/hooks/workflow/{workspace.public_id}/{workflow.webhook_token}"
