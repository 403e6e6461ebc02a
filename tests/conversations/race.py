"""Copies of first messages handled by many threads at once; run on its own against a database in a file."""

from __future__ import annotations

import json
import sys
import threading

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from contacts.models import Contact
from conversations import inbound
from conversations.models import Conversation, Message
from isflow.infra.tasks import captured_hints
from tests.factories_conversations import Site, fake_kind, incoming


def race(threads=8, copies=2):
    """Let every thread receive the same two first messages of a new visitor; return what there is then."""
    fake_kind("fake")
    site = Site(contacts=0)
    items = [incoming(f"m{n}", sender="+491700000000", sender_name="Vi") for n in range(copies)]
    start = threading.Barrier(threads)
    errors = []

    def work(number):
        try:
            start.wait()
            # Half the threads see the messages in two deliveries, the other half in one.
            for part in [items] if number % 2 else [[item] for item in items]:
                inbound.receive(site.channel, part)
        except Exception as error:  # noqa: BLE001 - shown to the test
            errors.append(repr(error))
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    with captured_hints():
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    with site.scope():
        return {
            "errors": errors,
            "contacts": Contact.objects.count(),
            "conversations": Conversation.objects.count(),
            "messages": Message.objects.count(),
            "unread": Conversation.objects.get().unread_count,
        }


def main():
    """Make the tables, race, print the counts."""
    # The models as they are: migrations have tests of their own.
    settings.MIGRATION_MODULES = {app.label: None for app in apps.get_app_configs()}
    call_command("migrate", run_syncdb=True, verbosity=0)
    sys.stdout.write(json.dumps(race()))
