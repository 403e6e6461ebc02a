"""Production settings with a bug planted on purpose; used by the self-test of the chaos harness only."""

from __future__ import annotations

from isflow.settings.prod import *  # noqa: F403 - settings inherit this way
from isflow.settings.prod import INSTALLED_APPS as _APPS
from tests.chaos.planted import plant_early

INSTALLED_APPS = [*_APPS, "tests.chaos.apps.PlantedBugs"]
plant_early()
