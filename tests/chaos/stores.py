"""The commands that start the stores of an installation under chaos."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def redis_command(port):
    return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]


def new_postgres(data, port):
    """Make an empty database cluster; the command that serves it."""
    data.mkdir()
    who = []
    if os.geteuid() == 0:
        shutil.chown(data, "postgres")
        who = ["runuser", "-u", "postgres", "--"]
    kind = ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
    made = [*who, _program("initdb"), "-D", str(data), "-U", "isflow", *kind]
    subprocess.run(made, check=True, capture_output=True, cwd="/")
    options = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": data,
        "max_connections": 200,
        # It dies every minute; at its usual pace vacuum would never have its turn.
        "autovacuum_naptime": "10s",
    }
    given = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    return [_program("postgres"), "-D", str(data), *given]


def postgres_answers(port):
    command = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(command, check=False).returncode == 0


def _program(name):
    return str(max(Path("/usr/lib/postgresql").glob("*/bin")) / name)
