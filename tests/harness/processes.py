"""Whole installations made of real processes, and what they use of the machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from tests.harness.servers import (
    ROOT,
    embedded,
    free_port,
    fresh_database,
    http_status,
    manage,
    postgres_server,
    production_env,
    redis_server,
    stop,
    wait_for,
)

WORKER = ("celery", "-A", "isflow", "worker", "--pool=threads", "-c", "8", "-Q", "engine,send,calls,bulk")
BEAT = ("celery", "-A", "isflow", "beat")
WEB = ("isflow.infra.web",)
READY_LIMIT = 40


@dataclass
class Installation:
    """A running isflow: where it listens, the environment its commands need, its processes by name."""

    url: str
    env: dict
    database_url: str
    folder: Path
    processes: dict = field(default_factory=dict)
    start_seconds: float = 0.0

    def run(self, module, *arguments, **options):
        """Run ``python -m module`` in this installation's environment; its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            **options,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{module} {arguments}: {done.stderr[-3000:]}")
        return done.stdout

    def log(self, name):
        """What a process wrote so far."""
        with suppress(FileNotFoundError):
            return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        return ""

    def start(self, name, *command):
        """Start one more process; its output goes to a file of its name."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=ROOT, env=self.env, stdout=log, stderr=subprocess.STDOUT
            )

    def start_worker(self, number):
        """Start a worker and wait until it consumes."""
        name = f"worker{number}"
        self.start(name, *WORKER, "-n", f"{name}@check")
        wait_for(f"{name} to be ready", lambda: self._answers(name), READY_LIMIT)

    def _answers(self, name):
        ping = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "isflow",
            "inspect",
            "ping",
            "-t",
            "2",
            "-d",
            f"{name}@check",
        ]
        return subprocess.run(ping, cwd=ROOT, env=self.env, capture_output=True, check=False).returncode == 0

    def kill(self, name):
        """End a process the hard way."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def usage(self):
        """CPU seconds used so far and memory held now, of our processes and the database's."""
        return Usage.of({name: process.pid for name, process in self.processes.items()}, self.database_url)


@dataclass(frozen=True)
class Usage:
    """CPU seconds by pid, memory in MB by process name."""

    cpu: dict
    memory: dict

    @classmethod
    def of(cls, pids, database_url):
        cpu, memory = {}, {}
        for name, pid in [*pids.items(), *((f"db{pid}", pid) for pid in backends(database_url))]:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                times = process.cpu_times()
                cpu[pid] = times.user + times.system
                memory[name] = process.memory_info().rss / 1e6
        return cls(cpu, memory)

    def since(self, earlier):
        """CPU seconds used between two looks; a process that is new counts from its start."""
        return sum(seconds - earlier.cpu.get(pid, 0.0) for pid, seconds in self.cpu.items())


def backends(database_url):
    """Pids of the PostgreSQL backends that serve this database, on this machine."""
    parts = urlsplit(database_url)
    if not parts.scheme.startswith("postgres"):
        return []
    name = f" {parts.path.lstrip('/')} "
    found = []
    for process in psutil.process_iter(["name", "cmdline"]):
        title = " ".join(process.info["cmdline"] or [])
        if (process.info["name"] or "").startswith("postgres") and name in f"{title} ":
            found.append(process.pid)
    return found


@contextmanager
def embedded_installation(folder, *, allow=""):
    """Yield the one-process installation on SQLite."""
    env = {"ISFLOW_HTTP_ALLOW": allow, "LOG_LEVEL": "WARNING"}
    begun = time.perf_counter()
    with embedded(folder=folder, env=env) as (process, url):
        started = time.perf_counter() - begun
        kept = {
            name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}
        }
        env = {**kept, **env, "DJANGO_SETTINGS_MODULE": "isflow.settings.dev", "ISFLOW_DATA_DIR": str(folder)}
        yield Installation(
            url=url,
            env=env,
            database_url=f"sqlite:///{folder / 'db.sqlite3'}",
            folder=folder,
            processes={"serve": process},
            start_seconds=started,
        )


@contextmanager
def production_installation(folder, *, allow="", workers=1, env=None):
    """Yield web, workers and beat on PostgreSQL and Redis, with a database of their own."""
    with ExitStack() as stack:
        database_url = stack.enter_context(fresh_database(stack.enter_context(postgres_server())))
        redis_url = stack.enter_context(redis_server())
        port = free_port()
        env = {
            **production_env(database_url, redis_url, port, folder),
            "ISFLOW_HTTP_ALLOW": allow,
            "LOG_LEVEL": "WARNING",
            **(env or {}),
        }
        manage(env, "migrate", "--run-syncdb", "--verbosity", "0")
        manage(env, "sync_schedules")
        manage(env, "collectstatic", "--noinput", "--verbosity", "0")
        made = Installation(f"http://127.0.0.1:{port}", env, database_url, folder)
        try:
            begun = time.perf_counter()
            made.start("web", *WEB, "-b", "127.0.0.1", "-p", str(port), "isflow.asgi:application")
            for number in range(1, workers + 1):
                made.start_worker(number)
            made.start("beat", *BEAT, "-s", str(folder / "beat"))
            wait_for("the web process", lambda: http_status(f"{made.url}/health/live") == 200, READY_LIMIT)
            made.start_seconds = time.perf_counter() - begun
            yield made
        finally:
            for process in list(made.processes.values()):
                stop(process)
