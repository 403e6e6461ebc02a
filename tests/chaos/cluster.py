"""The whole installation under a supervisor: real PostgreSQL, Redis, web, workers and beat, each replaceable.

Whatever dies is started again, as systemd or compose would do it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.harness.processes import BEAT, WORKER
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
    process: subprocess.Popen | None = None
    starts: int = 0
    died_at: float = 0.0


@dataclass
class Cluster:
    """All processes by name."""

    folder: Path
    settings: str = "isflow.settings.prod"
    planted: str = ""
    children: dict = field(default_factory=dict)
    exits: list = field(default_factory=list)
    is_healing: bool = True
    highest_memory: dict = field(default_factory=dict)

    def start_stores(self, allow):
        """Start PostgreSQL and Redis, fill the database with tables."""
        self.folder.chmod(0o755)
        self.pg_port, self.redis_port, self.web_port = free_port(), free_port(), free_port()
        self._init_postgres()
        self._start("postgres")
        self._add(
            "redis",
            [
                "redis-server",
                *("--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
            ],
        )
        self._start("redis")
        wait_for("PostgreSQL", self._postgres_answers)
        wait_for("Redis", lambda: port_answers(self.redis_port))
        self.env = {
            **production_env(
                self.database_url, f"redis://127.0.0.1:{self.redis_port}/0", self.web_port, self.folder
            ),
            "DJANGO_SETTINGS_MODULE": self.settings,
            "ISFLOW_HTTP_ALLOW": allow,
            "ISFLOW_PLANTED": self.planted,
            "LOG_LEVEL": "WARNING",
        }
        manage(self.env, "migrate", "--verbosity", "0")
        manage(self.env, "sync_schedules")
        manage(self.env, "collectstatic", "--noinput", "--verbosity", "0")

    @property
    def database_url(self):
        return f"postgres://isflow@127.0.0.1:{self.pg_port}/postgres"

    @property
    def dsn(self):
        return self.database_url.replace("postgres://", "postgresql://", 1)

    @property
    def web_url(self):
        return f"http://127.0.0.1:{self.web_port}"

    def start_apps(self):
        """Start web, workers and beat and wait for the web."""
        web = ("daphne", "-b", "127.0.0.1", "-p", str(self.web_port), "isflow.asgi:application")
        self._add("web", [sys.executable, "-m", *web])
        for name in WORKERS:
            self._add(name, [sys.executable, "-m", *WORKER, "-n", f"{name}@chaos"])
        schedule = str(self.folder / "beat")
        self._add("beat", [sys.executable, "-m", *BEAT, "-s", schedule])
        for name in ("web", *WORKERS, "beat"):
            self._start(name)
        wait_for("the web process", self.is_web_up, 60)
        wait_for("the workers", lambda: self._consumers() >= len(WORKERS), 60)

    def stop_apps(self):
        """End web, workers and beat for good, so that nothing moves while the books are read."""
        self.is_healing = False
        for name in ("beat", *WORKERS, "web"):
            stop(self.children[name].process, signal.SIGKILL)

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

    def weigh(self):
        """Note how much memory each process has at most."""
        for name, child in self.children.items():
            with suppress(psutil.NoSuchProcess, AttributeError):
                size = psutil.Process(child.process.pid).memory_info().rss / 1e6
                self.highest_memory[name] = max(size, self.highest_memory.get(name, 0))

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

    def empty_redis(self):
        command = ["redis-cli", "-p", str(self.redis_port), "FLUSHALL"]
        subprocess.run(command, check=False, capture_output=True)

    def logs(self):
        return {path.stem: path for path in self.folder.glob("*.log")}

    def stop(self):
        """End everything; the database last."""
        self.is_healing = False
        for name in sorted(self.children, key=lambda name: name in {"postgres", "redis"}):
            if (process := self.children[name].process) is not None:
                stop(process, signal.SIGINT if name == "postgres" else signal.SIGKILL)

    def _add(self, name, command, *, as_postgres=False):
        self.children[name] = Child(command, getattr(self, "env", dict(os.environ)), as_postgres)

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
                **who,
            )
        child.starts += 1
        child.died_at = 0.0

    def _init_postgres(self):
        data = self.folder / "pg"
        data.mkdir()
        is_root = os.geteuid() == 0
        if is_root:
            shutil.chown(data, "postgres")
        programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
        who = ["runuser", "-u", "postgres", "--"] if is_root else []
        made = [
            "initdb",
            "-D",
            str(data),
            "-U",
            "isflow",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]
        subprocess.run([*who, str(programs / made[0]), *made[1:]], check=True, capture_output=True, cwd="/")
        options = {
            "port": self.pg_port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": data,
            "max_connections": 200,
        }
        given = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._add("postgres", [str(programs / "postgres"), "-D", str(data), *given], as_postgres=is_root)

    def _postgres_answers(self):
        ready = max(Path("/usr/lib/postgresql").glob("*/bin")) / "pg_isready"
        command = [str(ready), "-q", "-h", "127.0.0.1", "-p", str(self.pg_port)]
        return subprocess.run(command, check=False).returncode == 0
