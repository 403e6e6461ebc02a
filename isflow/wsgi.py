"""WSGI entry point, for hosts without WebSockets (pages work, live updates do not)."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "isflow.settings.prod")

application = get_wsgi_application()
