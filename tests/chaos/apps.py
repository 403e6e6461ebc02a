"""Puts the planted bug in place once everything is loaded."""

from __future__ import annotations

from django.apps import AppConfig


class PlantedBugs(AppConfig):
    name = "tests.chaos"
    label = "chaos"

    def ready(self):
        from tests.chaos.planted import plant

        plant()
