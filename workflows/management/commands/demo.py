"""Load the demo workspace and say how to get in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from workflows.demo.load import demo_load
from workflows.demo.shop import PASSWORD, PEOPLE, SLUG


class Command(BaseCommand):
    """Fill an installation with a bicycle shop that does not exist."""

    help = "Load the demo workspace: people, contacts, conversations and workflows."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--force", action="store_true", help="Also where others can reach the logins")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        if not (settings.DEBUG or settings.ISFLOW_EMBEDDED or options["force"]):
            raise CommandError(
                "The demo's passwords are public. Use --force if this is no real installation."
            )
        loaded = demo_load()
        state = "is ready" if loaded.was_new else "was here already"
        rule = "-" * 60
        lines = [
            rule,
            f"  The demo workspace “{loaded.shop.workspace.name}” {state}.",
            f"  Inbox      {settings.PUBLIC_URL}/w/{SLUG}/inbox/",
            f"  Demo shop  {settings.PUBLIC_URL}/demo/",
            f"  Password   {PASSWORD}",
            *(f"  {role.label:<10} {email}" for email, _first, _last, role in PEOPLE),
            *(f"  Not published: {fault}" for fault in loaded.faults),
            rule,
        ]
        self.stdout.write("\n".join(str(line) for line in lines))
