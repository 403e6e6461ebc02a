"""One prepared database, copied anew for every case: nobody inherits what another one left behind."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

from tests.harness.servers import fresh_database

_numbers = count(1)


class PostgresCopies:
    """Copies of a template database on a server."""

    def __init__(self, server_url, template_url):
        self.url = template_url
        self._template = template_url.rpartition("/")[2]
        self._server = psycopg.connect(_libpq(server_url), autocommit=True)

    @contextmanager
    def copy(self):
        """Yield the name of a new copy; nobody may be connected to the template."""
        name = f"{self._template}_{next(_numbers)}"
        self._server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}" STRATEGY wal_log')
        try:
            yield name
        finally:
            self._server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def close(self):
        self._server.close()


class SqliteCopies:
    """Copies of a template file."""

    def __init__(self, folder):
        self._template = Path(folder) / "template.sqlite3"
        self.url = f"sqlite:///{self._template}"

    @contextmanager
    def copy(self):
        """Yield the path of a new copy; whoever wrote the template must have closed it."""
        if self._template.with_name(f"{self._template.name}-wal").exists():
            raise RuntimeError("The template is still open.")
        path = self._template.with_name(f"copy-{next(_numbers)}.sqlite3")
        shutil.copyfile(self._template, path)
        try:
            yield str(path)
        finally:
            for file in path.parent.glob(f"{path.name}*"):
                file.unlink()

    def close(self):
        pass


@contextmanager
def postgres_copies(server_url):
    """Yield copies on that server."""
    with fresh_database(server_url) as url:
        copies = PostgresCopies(server_url, url)
        try:
            yield copies
        finally:
            copies.close()


def _libpq(url):
    return url.replace("postgres://", "postgresql://", 1)
