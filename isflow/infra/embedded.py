"""The one-process mode: a Celery worker and beat in threads beside the web server."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import structlog
from celery import Celery
from celery.beat import EmbeddedService
from celery.signals import worker_shutting_down
from celery.worker import WorkController, state
from channels.layers import get_channel_layer
from daphne.server import Server, twisted_loop
from django.db import connections
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from isflow.infra.layers import ThreadedInMemoryChannelLayer

HOSTNAME = "embedded@localhost"
START_LIMIT = 15
"""Seconds the worker may take to start consuming."""
DRAIN_LIMIT = 6
"""Seconds that running tasks get to finish at shutdown; what is cut off is recovered by its lease."""

worker_state: Any = state
log = structlog.get_logger(__name__)


class EmbeddedWorker:
    """A Celery worker and beat, each in a thread of this process."""

    def __init__(self, app: Celery, *, concurrency: int) -> None:
        self._ready = threading.Event()
        app.set_default()
        self._worker = _controller(self._ready)(
            app=app,
            pool="threads",
            concurrency=concurrency,
            hostname=HOSTNAME,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        self._thread = threading.Thread(target=self._worker.start, name="celery-worker", daemon=True)
        self._beat: Any = EmbeddedService(app, thread=True, scheduler_cls=app.conf.beat_scheduler)

    def start(self) -> bool:
        """Start both threads; whether the worker consumes within its time."""
        self._thread.start()
        if not self._ready.wait(START_LIMIT):
            return False
        self._beat.start()
        return True

    def drain(self) -> None:
        """Stop taking work and wait a while for what is running."""
        # Beat's public stop() waits without a limit for a thread that may be stuck.
        self._beat.service._is_shutdown.set()  # noqa: SLF001
        worker_shutting_down.send(sender=HOSTNAME, sig="drain", how="Warm", exitcode=0)
        # Zero asks the worker's own loop for a warm shutdown.
        worker_state.should_stop = 0
        self._thread.join(DRAIN_LIMIT)
        self._beat.join(1)

    @property
    def is_stopped(self) -> bool:
        """Whether the worker's thread has ended."""
        return not self._thread.is_alive()


def serve(
    application: Any, *, host: str, port: int, worker: EmbeddedWorker, on_ready: Callable[[], None]
) -> None:
    """Serve until a signal comes; then drain the worker while the loop still turns, and close the loop."""
    loop: Any = reactor
    loop.addSystemEventTrigger("before", "shutdown", lambda: deferToThread(worker.drain))
    interface = host.replace(":", r"\:")
    Server(
        application=application,
        endpoints=[f"tcp:port={port}:interface={interface}"],
        verbosity=0,
        application_close_timeout=2,
        ready_callable=on_ready,
    ).run()
    _cancel_leftovers()
    connections.close_all()


def adopt_channel_layer() -> None:
    """Tell the in-memory channel layer which loop serves the sockets."""
    if isinstance(get_channel_layer(), ThreadedInMemoryChannelLayer):
        ThreadedInMemoryChannelLayer.home = twisted_loop


def leave(worker: EmbeddedWorker) -> None:
    """End the process now if a task overran its time: its thread would hold the interpreter back."""
    if worker.is_stopped:
        return
    log.warning("shutdown.tasks_cut_off")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _controller(ready: threading.Event) -> type[WorkController]:
    class Controller(WorkController):
        def on_consumer_ready(self, consumer: Any) -> None:  # noqa: ARG002 - Celery's hook
            ready.set()

    return Controller


def _cancel_leftovers() -> None:
    """Cancel what sockets left behind: collected at interpreter exit, it would crash CPython 3.11."""
    left = asyncio.all_tasks(twisted_loop)
    for task in left:
        task.cancel()
    if left:
        twisted_loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    twisted_loop.close()
