"""The whole installation under a supervisor: real PostgreSQL, Redis, web, workers and beat, each replaceable.

Whatever dies is started again, as systemd or compose would do it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.chaos.proxy import SIGNALS
from tests.chaos.stores import new_postgres, postgres_answers, redis_command
from tests.harness.processes import BEAT, WEB, WORKER
from tests.harness.servers import (
    ROOT,
    free_port,
    http_status,
    manage,
    port_answers,
    production_env,
    stop,
    wait_for,
)

WORKERS = ("worker1", "worker2")
PAUSE = 0.3
"""Seconds between a death and the next life."""


@dataclass
class Child:
    """One supervised process."""

    command: list
    env: dict
    as_postgres: bool = False
    fds: tuple = ()
    process: subprocess.Popen | None = None
    starts: int = 0
    died_at: float = 0.0


@dataclass
class Cluster:
    """All processes by name. ``webs``: several share one listening socket, as systemd hands it to them."""

    folder: Path
    settings: str = "isflow.settings.prod"
    planted: str = ""
    webs: tuple = ("web",)
    children: dict = field(default_factory=dict)
    exits: list = field(default_factory=list)
    is_healing: bool = True

    def start_stores(self, allow):
        """Start PostgreSQL and Redis, fill the database with tables."""
        self.folder.chmod(0o755)
        self.pg_port, self.redis_port, self.web_port = free_port(), free_port(), free_port()
        self.proxy_ports = [free_port() for _ in WORKERS]
        command = new_postgres(self.folder / "pg", self.pg_port)
        self._add("postgres", command, as_postgres=os.geteuid() == 0)
        self._add("redis", redis_command(self.redis_port))
        ports = map(str, (self.pg_port, *self.proxy_ports))
        self._add("proxy", [sys.executable, "-m", "tests.chaos.proxy", *ports])
        for name in ("postgres", "redis", "proxy"):
            self._start(name)
        wait_for("PostgreSQL", lambda: postgres_answers(self.pg_port))
        wait_for("Redis", lambda: port_answers(self.redis_port))
        redis = f"redis://127.0.0.1:{self.redis_port}/0"
        self.env = {
            **production_env(database_url(self.pg_port), redis, self.web_port, self.folder),
            "DJANGO_SETTINGS_MODULE": self.settings,
            "ISFLOW_HTTP_ALLOW": allow,
            "ISFLOW_PLANTED": self.planted,
            "LOG_LEVEL": "WARNING",
            "PROMETHEUS_MULTIPROC_DIR": str(self.folder / "metrics"),
        }
        manage(self.env, "migrate", "--verbosity", "0")
        manage(self.env, "sync_schedules")
        manage(self.env, "collectstatic", "--noinput", "--verbosity", "0")

    @property
    def dsn(self):
        return database_url(self.pg_port).replace("postgres://", "postgresql://", 1)

    @property
    def web_url(self):
        return f"http://127.0.0.1:{self.web_port}"

    def start_apps(self):
        """Start web, workers and beat and wait for the web."""
        self._add_webs()
        for name, port in zip(WORKERS, self.proxy_ports, strict=True):
            env = {**self.env, "DATABASE_URL": database_url(port)}
            self._add(name, [sys.executable, "-m", *WORKER, "-n", f"{name}@chaos"], env=env)
        self._add("beat", [sys.executable, "-m", *BEAT, "-s", str(self.folder / "beat")])
        for name in (*self.webs, *WORKERS, "beat"):
            self._start(name)
        wait_for("the web process", self.is_web_up, 60)
        wait_for("the workers", lambda: self._consumers() >= len(WORKERS), 60)

    def _add_webs(self):
        """One web process listens by itself; several share a socket that outlives each of them."""
        if len(self.webs) == 1:
            where, fds = ["-b", "127.0.0.1", "-p", str(self.web_port)], ()
        else:
            self.listener = socket.create_server(("127.0.0.1", self.web_port), backlog=128)
            where, fds = ["--fd", str(self.listener.fileno())], (self.listener.fileno(),)
        for name in self.webs:
            command = [sys.executable, "-m", *WEB, *where, "isflow.asgi:application"]
            self._add(name, command, fds=fds, env={**self.env, "LOG_LEVEL": "INFO"})

    def stop_apps(self):
        """End web, workers and beat for good, so that nothing moves while the books are read."""
        self.is_healing = False
        for name in ("beat", *WORKERS, *self.webs):
            stop(self.children[name].process, signal.SIGKILL)

    def has_come_back(self, name):
        """Whether the latest life of a worker or web process does its work."""
        if name in WORKERS:
            return self._consumers() >= len(WORKERS)
        return self.logs()[name].read_bytes().count(b"web.listening") >= self.children[name].starts

    def _consumers(self):
        """How many workers wait for hints."""
        command = ["redis-cli", "-p", str(self.redis_port), "CLIENT", "LIST"]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout.count("cmd=brpop")

    def is_web_up(self):
        return http_status(f"{self.web_url}/health/ready") == 200

    def tend(self):
        """Start again what is dead; to be called often."""
        for name, child in self.children.items():
            if child.process is None:
                continue
            code = child.process.poll()
            if code is None:
                continue
            if not child.died_at:
                child.died_at = time.monotonic()
                self.exits.append((name, code))
            if self.is_healing and time.monotonic() - child.died_at >= PAUSE:
                self._start(name)

    def send(self, name, signum):
        """Signal a process; a killed PostgreSQL takes its children along, as a power cut does."""
        process = self.children[name].process
        family = []
        if name == "postgres" and signum == signal.SIGKILL:
            with suppress(psutil.NoSuchProcess):
                family = psutil.Process(process.pid).children(recursive=True)
        with suppress(ProcessLookupError):
            process.send_signal(signum)
        for relative in family:
            with suppress(psutil.NoSuchProcess):
                relative.kill()

    def cut(self, worker):
        """Cut a worker off its database when it next commits."""
        self.send("proxy", SIGNALS[WORKERS.index(worker)])

    def empty_redis(self):
        command = ["redis-cli", "-p", str(self.redis_port), "FLUSHALL"]
        subprocess.run(command, check=False, capture_output=True)

    def logs(self):
        return {path.stem: path for path in self.folder.glob("*.log")}

    def stop(self):
        """End everything; the database last."""
        self.is_healing = False
        for name in sorted(self.children, key=lambda name: name in {"postgres", "redis", "proxy"}):
            if (process := self.children[name].process) is not None:
                stop(process, signal.SIGINT if name == "postgres" else signal.SIGKILL)

    def _add(self, name, command, *, env=None, **more):
        env = env or getattr(self, "env", dict(os.environ))
        self.children[name] = Child(command, env, **more)

    def _start(self, name):
        child = self.children[name]
        who = {"user": "postgres", "group": "postgres", "extra_groups": []} if child.as_postgres else {}
        with (self.folder / f"{name}.log").open("ab") as log:
            child.process = subprocess.Popen(
                child.command,
                cwd="/" if child.as_postgres else ROOT,
                env=child.env,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=child.fds,
                **who,
            )
        child.starts += 1
        child.died_at = 0.0


def database_url(port):
    return f"postgres://isflow@127.0.0.1:{port}/postgres"
