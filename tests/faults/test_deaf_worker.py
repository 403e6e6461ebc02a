"""A worker that hears nothing any more, as a real process: it must make way for another."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.harness.processes import production_installation
from tests.harness.servers import ROOT, wait_for

LATE_RUN = """
from datetime import timedelta
from django.utils import timezone
from tests.factories import make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import document, looking, publish, write
from workflows.models import Event
workspace = make_workspace()
publish(workspace, document("conversation_opened", ("ask", "ask_question", {"text": "Name?"})))
write(make_channel(workspace, kind="web_chat"), "hello")
with looking(workspace):
    Event.objects.update(at=timezone.now() - timedelta(minutes=1))
"""
DEAFEN = """
from isflow.celery import app
for queue in ("engine", "send", "calls", "bulk"):
    app.control.cancel_consumer(queue, reply=True)
"""


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_a_worker_that_no_longer_consumes_ends_with_an_error(tmp_path):
    with production_installation(tmp_path, env={"ISFLOW_DEAF_SECONDS": "15", "LOG_LEVEL": "ERROR"}) as site:

        def shell(code):
            command = [sys.executable, "manage.py", "shell", "-v0", "-c", code]
            subprocess.run(command, cwd=ROOT, env=site.env, check=True)

        shell(DEAFEN)
        shell(LATE_RUN)
        worker = site.processes["worker1"]
        wait_for("the worker to give up", lambda: worker.poll() is not None, 60)
        assert worker.returncode == 1
        assert "worker.deaf" in site.log("worker1")
