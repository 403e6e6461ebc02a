"""Run all of isflow in one process: pages, sockets, worker and timer."""

from __future__ import annotations

import signal
import socket
import sys
from typing import Any
from urllib.parse import urlsplit

from celery.app import app_or_default
from channels.routing import get_default_application
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command, get_commands
from django.core.management.base import BaseCommand, CommandParser

from isflow.infra.embedded import EmbeddedWorker, adopt_channel_layer, leave, serve
from isflow.infra.schedules import sync_schedules
from isflow.infra.tasks import HINT_TASKS, hint

DEFAULT_PORT = 8000
THREADS = 6
# Many threads share the interpreter; shorter turns nearly double the throughput of a full load.
SWITCH_SECONDS = 0.001
LOCAL_HOSTS = ("127.0.0.1", "localhost")


class Command(BaseCommand):
    """Serve the whole installation from one process, without further services."""

    help = "Run isflow in one process: pages, sockets, worker and timer."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--host", default="127.0.0.1", help="Address to listen on (default: this machine only)"
        )
        parser.add_argument(
            "--port", type=int, default=None, help="Port to listen on (default: that of PUBLIC_URL)"
        )
        parser.add_argument("--demo", action="store_true", help="Load the demo workspace first")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        if not settings.ISFLOW_EMBEDDED:
            raise CommandError(
                "REDIS_URL is set: run daphne, celery worker and celery beat instead of serve."
            )
        host, port = options["host"], options["port"] or default_port()
        refuse_used_port(host, port)
        announce_address(port)
        self._prepare(demo=options["demo"])
        sys.setswitchinterval(SWITCH_SECONDS)
        adopt_channel_layer()
        application = get_default_application()
        worker = EmbeddedWorker(app_or_default(), concurrency=THREADS)
        if not worker.start():
            raise CommandError("The embedded worker did not start.")
        # The memory broker forgets; whatever the last process left undone is found by asking.
        for name in list(HINT_TASKS):
            hint(name)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        serve(application, host=host, port=port, worker=worker, on_ready=self._banner)
        self.stdout.write("isflow has stopped.")
        leave(worker)

    def _prepare(self, *, demo: bool) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        sync_schedules()
        if demo and "demo" in get_commands():
            settings.ISFLOW_DEMO = True
            call_command("demo", stdout=self.stdout)

    def _banner(self) -> None:
        rule = "-" * 60
        lines = [rule, f"  isflow is running at {settings.PUBLIC_URL}/"]
        if not get_user_model()._default_manager.exists():  # noqa: SLF001 - the model is swappable
            lines.append(f"  Create the first owner at {settings.PUBLIC_URL}/setup/")
        lines += [f"  Data is kept in {settings.ISFLOW_DATA_DIR}", "  Stop with Ctrl-C", rule, "READY"]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def default_port() -> int:
    """Port of PUBLIC_URL when that names this machine, else 8000."""
    url = urlsplit(settings.PUBLIC_URL)
    return url.port or DEFAULT_PORT if url.hostname in LOCAL_HOSTS else DEFAULT_PORT


def refuse_used_port(host: str, port: int) -> None:
    """Raise CommandError when something listens there already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {host}:{port}: {error.strerror}. "
                "If isflow is running already, stop it first; or choose another port with --port."
            ) from error


def announce_address(port: int) -> None:
    """Let links and socket origins name the port really used, unless the operator gave PUBLIC_URL."""
    if not settings.ISFLOW_PUBLIC_URL_GIVEN:
        settings.PUBLIC_URL = f"http://127.0.0.1:{port}"
    local = [f"http://{name}:{port}" for name in LOCAL_HOSTS]
    settings.ISFLOW_SOCKET_ORIGINS = [*settings.ISFLOW_SOCKET_ORIGINS, *local]
