from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import count

import pytest

from tests.harness.servers import ROOT, fresh_database, postgres_server
from tests.harness.stub import running_stub

_numbers = count(1)


class Victim:
    """The forking process of one database, and the stub that its children call."""

    def __init__(self, database_url, stub, folder):
        self.stub = stub
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "isflow.settings.test",
            "DATABASE_URL": database_url,
            "PYTHONWARNINGS": "ignore",
        }
        self._log = folder / "victim.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.victim", stub.url, str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
                env=env,
            )
        self._hear()

    def _hear(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(self._log.read_text(encoding="utf-8", errors="replace")[-4000:])
        return json.loads(line)

    def order(self, what, **given):
        """Let a child do something; its exit code and what it said."""
        self._process.stdin.write(json.dumps({"do": what, **given}) + "\n")
        self._process.stdin.flush()
        answer = self._hear()
        return answer["code"], answer["result"]

    def done(self, what, **given):
        """The same for what must succeed."""
        code, result = self.order(what, **given)
        assert code == 0, result
        return result

    def scene(self):
        return self.done("make", name=f"scene-{next(_numbers)}")

    def broken_rules(self, scene):
        return self.done("check", scene=scene, hits=dict(self.stub.hits))

    def stop(self):
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@pytest.fixture(scope="session")
def stub():
    with running_stub() as running:
        yield running


@pytest.fixture(scope="session")
def postgres_victim(stub, tmp_path_factory):
    with postgres_server() as server, fresh_database(server) as url:
        victim = Victim(url, stub, tmp_path_factory.mktemp("postgres"))
        yield victim
        victim.stop()


@pytest.fixture(scope="session")
def sqlite_victim(stub, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sqlite")
    victim = Victim(f"sqlite:///{folder / 'db.sqlite3'}", stub, folder)
    yield victim
    victim.stop()


@pytest.fixture(params=["postgres", "sqlite"])
def victim(request):
    """Both databases in turn; only the one asked for is started."""
    return request.getfixturevalue(f"{request.param}_victim")
