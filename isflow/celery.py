"""The Celery app. Messages are hints without identity; the database says what is due."""

from __future__ import annotations

import os

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "isflow.settings.prod")

# The embedded broker: memory, but waking its consumer instead of letting it poll.
TRANSPORT_ALIASES.setdefault("wake", "isflow.infra.transport:Transport")

app = Celery("isflow")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
