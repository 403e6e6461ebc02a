"""A file that a workflow sends reaches the visitor."""

from __future__ import annotations

import pytest

from tests.factories import make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import document, looking, publish, walk, write

pytestmark = pytest.mark.django_db

FILE = {"kind": "image", "url": "https://example.org/bike.jpg", "name": "Bike"}


@pytest.mark.parametrize(("kind", "in_text"), [("web_chat", False), ("emulated_sms", True)])
def test_a_channel_that_cannot_carry_a_file_gets_its_address(kind, in_text):
    workspace = make_workspace()
    channel = make_channel(workspace, kind=kind)
    send = ("show", "send_message", {"default": {"text": "Look", "media": [FILE]}})
    publish(workspace, document("conversation_opened", send))
    contact = write(channel, "hello", sender="+4915112345678")
    walk()
    with looking(workspace):
        message = contact.messages.get(direction="out")
        assert (FILE["url"] in message.text) == in_text
        assert bool(message.content.get("attachments")) != in_text
