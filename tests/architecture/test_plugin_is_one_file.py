"""The examples of the guides, dropped as single files into a package of the operator, are found and work."""

from __future__ import annotations

import importlib
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from channels_app.connections import MASK, config_check, config_masked
from channels_app.contract import AdapterIO, HttpReply, OutboundMessage, SignatureError, adapters
from channels_app.selectors import capabilities_of, kind_label
from channels_app.services import delivery_store
from channels_app.services.deliveries import deliveries_process
from contacts.models import Contact
from conversations.models import Comment, Message
from isflow.infra.plugins import discover
from isflow.kernel.errors import Rejected
from tests.factories import make_workspace
from tests.factories_contacts import make_channel, make_contact, make_field
from tests.factories_workflows import connect, document, journal, looking, only_run, publish, walk, write
from workflows.contract import step_types, trigger_types
from workflows.definition.describe import catalogue
from workflows.definition.schema import dump_document, parse_document
from workflows.services import InvalidDefinition, workflow_check

DOCS = Path(__file__).resolve().parents[2] / "docs"
PACKAGE = "shop_plugins"
GUIDES = ("adding-a-step.md", "adding-a-trigger.md", "adding-a-channel.md")
PAGER = {"url": "https://pager.example/send", "secret": "beep-beep"}

_FENCE = re.compile(r"```python\n# (?P<path>[\w/]+\.py)\n(?P<code>.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    """Write the examples of all guides into a fresh package and make isflow look there."""
    root = tmp_path_factory.mktemp("plugins")
    for guide in GUIDES:
        example = _FENCE.search((DOCS / guide).read_text())
        path = root / example["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in (path.parent, root / PACKAGE):
            (folder / "__init__.py").touch()
        path.write_text(example["code"])
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    yield root
    sys.path.remove(str(root))
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture(autouse=True)
def found(plugins, settings):
    settings.ISFLOW_PLUGINS = [*settings.ISFLOW_PLUGINS, PACKAGE]
    for name in [name for name in sys.modules if name.startswith(f"{PACKAGE}.")]:
        del sys.modules[name]
    discover("workflows.steps", "steps", step_types)
    discover("workflows.triggers", "triggers", trigger_types)
    discover("channels_app.adapters", "adapters", adapters)
    yield
    step_types.unregister("increase_number")
    trigger_types.unregister("word_heard")
    adapters.unregister("pager")


def draft(word="points", field="points", amount=5):
    return document(
        "word_heard",
        ("add", "increase_number", {"field": {"slug": field}, "amount": amount}),
        ("tell", "add_comment", {"text": "Now $increased_to after “$trigger.message”"}),
        config={"word": word},
    )


@pytest.mark.rule("DS4.plugin_one_file")
def test_step_and_trigger_are_in_the_catalogue_with_their_forms():
    entries = catalogue()
    step, trigger = entries["steps"]["increase_number"], entries["triggers"]["word_heard"]
    assert step["label"] == "Increase a number"
    assert {"field", "amount"} <= set(step["schema"]["properties"])
    assert step["schema"]["properties"]["amount"]["description"].startswith("What is added")
    assert trigger["event_kind"] == "message_created"
    assert "word" in trigger["schema"]["properties"]


def test_a_document_with_them_survives_export_and_import():
    assert dump_document(parse_document(dump_document(parse_document(draft())))) == dump_document(
        parse_document(draft())
    )


@pytest.mark.django_db
def test_their_settings_are_checked_like_any_other():
    workspace = make_workspace()
    make_field(workspace, "points", "number")
    make_field(workspace, "colour", "text")
    with looking(workspace):
        workflow_check(draft=draft())
        for faulty in (draft(amount=5000), draft(field="colour"), draft(field="gone"), draft(word="")):
            with pytest.raises(InvalidDefinition):
                workflow_check(draft=faulty)


@pytest.mark.django_db
@pytest.mark.rule("DS4.plugin_one_file")
def test_a_run_goes_through_them_to_its_end():
    workspace = make_workspace()
    channel = make_channel(workspace, kind="web_chat")
    make_field(workspace, "points", "number")
    contact = make_contact(workspace, custom={"points": 2})
    connect(contact, channel)
    publish(workspace, draft())
    write(channel, "nothing of interest")
    walk()
    write(channel, "Where are my points")
    walk()
    run = only_run(workspace)
    with looking(workspace):
        contact = Contact.objects.get()
        assert (run.status, run.end_reason) == ("ended", "completed")
        assert journal(run) == [("add", "next"), ("tell", "next")]
        assert contact.custom["points"] == 7
        assert Comment.objects.get().text == "Now 7 after “Where are my points”"


def test_the_adapter_is_known_by_label_and_capabilities():
    assert kind_label("pager") == "Pager"
    assert capabilities_of("pager").text_limit == 160
    assert config_masked("pager", PAGER) == {"url": PAGER["url"], "secret": MASK}
    with pytest.raises(Rejected):
        config_check("pager", {"url": PAGER["url"]})
    with pytest.raises(ValidationError):
        adapters.get("pager").config_class(url="x", secret=SecretStr("y"), colour="red")


def test_the_adapter_refuses_strangers_and_survives_garbage():
    adapter, config = adapters.get("pager")(), config_check("pager", PAGER)
    with pytest.raises(SignatureError):
        adapter.verify({"X-Pager-Secret": "wrong"}, b"{}", config)
    adapter.verify({"X-Pager-Secret": "beep-beep"}, b"{}", config)
    for body in (b"", b"\xff\x00", b"[]", b'{"id": 1}'):
        assert [type(item).__name__ for item in adapter.parse(body, config)] == ["Unparsed"]


def test_the_adapter_sends_with_the_key_of_the_message():
    posted = []

    def post_json(url, body, headers):
        posted.append((url, body, headers))
        return HttpReply(200, b'{"id": 77}')

    adapter, config = adapters.get("pager")(), config_check("pager", PAGER)
    receipt = adapter.send(OutboundMessage("49151", "hello", "key-1"), config, AdapterIO(post_json))
    assert receipt.external_id == "77"
    assert posted[0][1] == {"to": "49151", "text": "hello", "key": "key-1"}
    assert posted[0][2] == {"X-Pager-Secret": "beep-beep"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.rule("DS4.plugin_one_file")
def test_a_page_that_comes_in_runs_a_workflow():
    workspace = make_workspace()
    channel = make_channel(workspace, kind="pager", config=PAGER)
    make_field(workspace, "points", "number")
    publish(workspace, draft(word="hello"))
    at = datetime.now(UTC).isoformat()
    body = f'{{"id": "p1", "from": "+49 151-1", "at": "{at}", "text": "hello"}}'
    delivery_store(channel=channel, body=body.encode())
    deliveries_process()
    walk()
    assert only_run(workspace).end_reason == "completed"
    with looking(workspace):
        assert Message.objects.get().text == "hello"
        assert Contact.objects.get().identities.get().address == "491511"
