"""Plays cases, one after the other: a forking process, a stub its children call, copies of a database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager

from isflow.infra.faults import EXIT_CODE
from tests.harness.servers import ROOT
from tests.harness.stub import running_stub


class Lane:
    """Two lanes share nothing, so they may play at the same time."""

    def __init__(self, name, copies, stub, folder):
        self._copies, self._stub = copies, stub
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "isflow.settings.test",
            "DATABASE_URL": copies.url,
            "ISFLOW_DB_POOL_MIN": "0",
            "PYTHONWARNINGS": "ignore",
        }
        self._log = folder / "victim.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.victim", stub.url, str(folder), name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
                env=env,
            )

    def get_ready(self):
        """Wait until the template is made; several lanes make theirs at the same time."""
        made = self._hear()
        assert made["code"] == 0, made["result"]
        self._scene = made["result"]
        with self.case():
            self._tell("warm up", scene=self._scene)

    def _hear(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(self._log.read_text(encoding="utf-8", errors="replace")[-4000:])
        return json.loads(line)

    def _tell(self, what, **given):
        self._process.stdin.write(json.dumps({"do": what, **given}) + "\n")
        self._process.stdin.flush()
        return self._hear()

    @contextmanager
    def case(self):
        """A fresh copy of the database for the block; nobody has called the stub yet."""
        with self._copies.copy() as database:
            self._stub.forget()
            self._tell("begin", database=database)
            yield self

    def order(self, what, **given):
        """Let a child do something: its exit code, or "stopped", and what it said."""
        answer = self._tell(what, scene=self._scene, **given)
        return answer["code"], answer["result"]

    def done(self, what, **given):
        """The same for what must succeed; only what it said."""
        code, result = self.order(what, **given)
        assert code == 0, result
        return result

    def thaw(self):
        """Let the frozen child go on to its end; what it said."""
        answer = self._tell("thaw")
        assert answer["code"] == 0, answer["result"]
        return answer["result"]

    def broken_rules(self):
        return self.done("check", hits=dict(self._stub.hits))

    def strike(self, action, point, after=0, bug=""):
        """Play to the end of the story, one process being struck on the way. An unmet fault fails."""
        code, said = self.order("play", action=action, point=point, after=after, bug=bug)
        if action == "exit":
            assert code == EXIT_CODE, said
            self.done("play", bug=bug)
            return
        if action == "freeze":
            assert code == "stopped", said
            is_over = self.done("rescue", bug=bug)
            said = self.thaw()
            assert is_over or said["held"], "nobody could go on, though nothing was locked"
        else:
            assert code == 0, said
        assert said["fired"], "the story did not come past this place"
        assert said["failures"] <= 1, f"{said['failures']} tasks failed of one fault"

    def stop(self):
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@contextmanager
def running_lane(name, copies, folder):
    """Yield a lane that gets ready."""
    with running_stub() as stub:
        lane = Lane(name, copies, stub, folder)
        try:
            yield lane
        finally:
            lane.stop()
