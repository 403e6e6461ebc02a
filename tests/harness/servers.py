"""Start PostgreSQL, Redis and isflow's own processes for checks that need the production shape."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parents[2]
STOP_LIMIT = 15


def free_port():
    """Ask the system for a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, condition, seconds=30):
    """Return the first true value of ``condition()``; raise TimeoutError naming what was waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise TimeoutError(what)


def port_answers(port):
    """Whether something listens there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def http_status(url):
    """Status of a GET; 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own address
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@contextmanager
def redis_server():
    """Yield the URL of a Redis of our own, or REDIS_URL if that is set."""
    if given := os.environ.get("REDIS_URL"):
        yield given
        return
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with tempfile.TemporaryDirectory() as folder, process(command, cwd=folder, quiet=True):
        wait_for("Redis", lambda: port_answers(port))
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def postgres_server():
    """Yield the URL of an empty database on a PostgreSQL of our own, or DATABASE_URL if that is set."""
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="isflow-pg-"))
    data, port = folder / "data", free_port()
    folder.chmod(0o755)
    data.mkdir()
    if os.geteuid() == 0:
        shutil.chown(data, "postgres")
    options = (
        f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data} -c max_connections=200"
        " -c track_commit_timestamp=on"
    )
    try:
        _postgres("initdb", "-D", data, "-U", "isflow", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        _postgres("pg_ctl", "-D", data, "-w", "-l", data / "server.log", "-o", options, "start")
        yield f"postgres://isflow@127.0.0.1:{port}/postgres"
    finally:
        with suppress(subprocess.CalledProcessError):
            _postgres("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(server_url):
    """Yield the URL of a new database on that server; it is dropped afterwards."""
    parts = urlsplit(server_url)
    name = f"isflow_{secrets.token_hex(6)}"
    with psycopg.connect(server_url.replace("postgres://", "postgresql://", 1), autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(parts._replace(path=f"/{name}"))
        finally:
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _postgres(program, *arguments):
    folder = max(Path("/usr/lib/postgresql").glob("*/bin"))
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    command = [*user, str(folder / program), *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd="/")


@contextmanager
def process(command, *, env=None, cwd=ROOT, quiet=False):
    """Run a program for the length of the block and stop it with SIGTERM."""
    output = subprocess.DEVNULL if quiet else None
    started = subprocess.Popen(command, env=env, cwd=cwd, stdout=output, stderr=output)
    try:
        yield started
    finally:
        stop(started)


def stop(started, signum=signal.SIGTERM):
    """Stop a process, hard if it does not listen; return its exit code."""
    if started.poll() is None:
        started.send_signal(signum)
        try:
            started.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
    return started.returncode


def production_env(database_url, redis_url, port, folder):
    """Environment of the production settings, with fresh secrets."""
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "isflow.settings.prod",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ISFLOW_ENCRYPTION_KEYS": f"check:{key}",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "ISFLOW_DATA_DIR": str(folder / "data"),
        "STATIC_ROOT": str(folder / "static"),
    }


def manage(env, *arguments):
    """Run a management command; raise when it fails."""
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, check=True)


@contextmanager
def embedded(*, port=None, folder=None, env=None, arguments=()):
    """Yield (process, base URL) of ``manage.py serve`` on a data folder, once it says READY."""
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="isflow-serve-") as made:
        folder = folder or Path(made)
        kept = {
            name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}
        }
        env = {
            **kept,
            "DJANGO_SETTINGS_MODULE": "isflow.settings.dev",
            "ISFLOW_DATA_DIR": str(folder),
            **(env or {}),
        }
        log = folder / "serve.log"
        with log.open("ab") as output:
            started = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--port", str(port), *arguments],
                cwd=ROOT,
                env=env,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        before = log.read_bytes().count(b"READY")
        try:
            wait_for(
                "the READY line",
                lambda: started.poll() is not None or log.read_bytes().count(b"READY") > before,
                40,
            )
            if started.poll() is not None:
                raise RuntimeError(log.read_text(encoding="utf-8", errors="replace")[-3000:])
            yield started, f"http://127.0.0.1:{port}"
        finally:
            stop(started)
