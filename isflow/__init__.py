"""isflow: workflow automation for conversations. Importing it makes the Celery app the current one."""

from __future__ import annotations

from isflow.celery import app as celery_app

__all__ = ["celery_app"]
