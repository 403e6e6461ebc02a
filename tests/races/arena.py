"""Threads that begin at the same moment, each with a database connection of its own."""

from __future__ import annotations

import os
import threading
import time

from django.db import connection

ROUNDS = int(os.environ.get("ISFLOW_RACE_ROUNDS", "20"))


def together(*actions):
    """Let every action run on its own thread, all at once; their results in order, or the first error."""
    barrier = threading.Barrier(len(actions))
    results, errors = [None] * len(actions), []

    def work(number, action):
        try:
            barrier.wait(10)
            results[number] = action()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=work, args=(number, action), name=f"racer-{number}")
        for number, action in enumerate(actions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    if errors:
        raise errors[0]
    return results


class Gate:
    """Freezes the one thread that is meant to be slow, until somebody opens."""

    def __init__(self, name):
        self.name = name
        self.reached = threading.Event()
        self._opened = threading.Event()

    def __call__(self):
        """The armed action of a fault point."""
        if threading.current_thread().name == self.name and not self.reached.is_set():
            self.reached.set()
            self._opened.wait(20)

    def open(self):
        self._opened.set()


class Background:
    """One named thread; ``join`` raises what went wrong in it."""

    def __init__(self, name, action):
        self._error = None
        self._action = action
        self._thread = threading.Thread(target=self._work, name=name)
        self._thread.start()

    def _work(self):
        try:
            self._action()
        except BaseException as error:  # noqa: BLE001 - raised in join
            self._error = error
        finally:
            connection.close()

    def join(self):
        self._thread.join(30)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error


def until(condition, seconds=10):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)
