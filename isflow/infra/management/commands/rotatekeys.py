"""Encrypt all stored secrets again with the first of ISFLOW_ENCRYPTION_KEYS."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from isflow.infra.rotation import rotate_all


class Command(BaseCommand):
    """Run it after putting a new key first; it may be stopped and run again."""

    help = "Encrypt all stored secrets again with the first encryption key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the size of a batch."""
        parser.add_argument("--batch", type=int, default=500, help="Rows read at a time.")

    def handle(self, *_: Any, **options: Any) -> None:
        """Rotate, and fail if a secret could not be read."""
        result = rotate_all(batch=options["batch"])
        self.stdout.write(f"{result.changed} secrets encrypted again.")
        if result.unreadable:
            raise CommandError(f"These secrets cannot be read: {', '.join(result.unreadable)}")
