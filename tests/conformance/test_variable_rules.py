"""Rules of variables and of the incoming webhook, seen from outside."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from contacts.models import Contact
from tests.conformance.shop import note, say
from tests.factories_contacts import make_contact
from tests.factories_workflows import connect, looking, walk

CALL = {
    "identifier_type": "phone",
    "identifier_key": "$.phone",
    "variables": [
        {"key": "$.custom_fields.city", "name": "city"},
        {"key": "$.data.contacts[1].firstName", "name": "second"},
        {"key": "$.gone", "name": "gone"},
    ],
}
BODY = {
    "phone": "+49 151 12345678",
    "custom_fields": {"city": "Kiel"},
    "data": {"contacts": [{"firstName": "Ada"}, {"firstName": "Jane"}]},
}


def post(client, shop, workflow, body):
    path = f"/hooks/workflow/{shop.workspace.public_id}/{workflow.webhook_token}"
    answer = client.post(path, json.dumps(body), content_type="application/json")
    walk()
    return answer


@pytest.mark.rule(
    "S000.webhook.top_level_key",
    "S000.webhook.nested_key",
    "S000.webhook.array_key",
    "SP.A7.4.missing_value",
)
def test_values_of_the_document_become_variables(shop, client):
    workflow = shop.publish("incoming_webhook", note("a", "$city, $second, [$gone]"), config=CALL)
    make_contact(shop.workspace, phone="+4915112345678")
    assert post(client, shop, workflow, BODY).status_code == 200
    assert shop.noted() == ["Kiel, Jane, []"]


@pytest.mark.rule("S000.webhook.several_contacts")
def test_everybody_with_the_identifier_is_started_at_most_ten(shop, client):
    workflow = shop.publish("incoming_webhook", note("a", "hello"), config=CALL)
    for number in range(12):
        make_contact(shop.workspace, f"C{number}", phone="+4915112345678")
    answer = post(client, shop, workflow, BODY).json()
    with looking(shop.workspace):
        oldest = list(Contact.objects.order_by("pk").values_list("pk", flat=True)[:10])
    assert answer["contacts"] == oldest
    assert len(shop.noted()) == 10


@pytest.mark.rule("SP3.4.contact")
def test_contact_variables(shop):
    text = "$contact.firstname|$contact.name|$contact.email|$contact.country|$contact.plan|$contact.tags"
    shop.publish(
        "contact_tag_updated", note("a", text.replace("|", " / ")), config={"tags": [{"id": shop.vip.pk}]}
    )
    contact = make_contact(
        shop.workspace, "Ada", last_name="King", email="a@b.co", country="DE", custom={"plan": "gold"}
    )
    shop.tags(contact)
    assert shop.noted() == ["Ada / Ada King / a@b.co / Germany / gold / vip"]


@pytest.mark.rule("SP3.6.system")
def test_system_variables_are_in_the_zone_of_the_workspace(shop):
    shop.workspace.timezone = "Asia/Tokyo"
    shop.workspace.save()
    text = "$system.current_datetime $system.current_date $system.current_time $system.timezone"
    shop.publish("conversation_opened", note("a", text))
    shop.hears()
    assert shop.noted() == ["2026-03-02 18:00:00 2026-03-02 18:00:00 Asia/Tokyo"]


@pytest.mark.rule("SP3.7.durations", "S000.closed.variables")
def test_durations_print_as_clock_times_and_count_in_seconds(shop, clock):
    text = "$conversation.resolution_time $conversation.resolution_time_seconds [$conversation.summary]"
    shop.publish("conversation_closed", note("a", text))
    contact = make_contact(shop.workspace)
    connect(contact, shop.channel)
    shop.opens(contact)
    clock.shift(timedelta(hours=1, minutes=2, seconds=3))
    shop.closes(contact, summary="All done")
    assert shop.noted() == ["01:02:03 3723 [All done]"]


@pytest.mark.rule("SP3.2.prefix", "SP3.3.empty", "SP3.3.unknown")
def test_known_empty_and_unknown_names(shop):
    shop.publish(
        "conversation_opened", say("a", "$CONTACT.FIRSTNAME [$contact.phone] $contact.phone|none $nobody")
    )
    shop.hears()
    assert shop.said() == ["Ada [] none $nobody"]
