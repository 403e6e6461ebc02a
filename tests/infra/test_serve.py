"""The one-process mode, started as people start it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time

import pytest
from django.core.management import CommandError

from isflow.infra.management.commands import serve
from tests.harness.servers import ROOT, embedded, free_port, http_status, stop

LIMIT = 10


def test_a_used_port_is_refused_with_advice():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(CommandError, match="choose another port with --port"):
            serve.refuse_used_port("127.0.0.1", other.getsockname()[1])


def test_a_free_port_is_taken():
    serve.refuse_used_port("127.0.0.1", free_port())


@pytest.mark.parametrize(
    ("url", "port"),
    [("http://127.0.0.1:9000", 9000), ("http://localhost", 8000), ("https://desk.example.com", 8000)],
)
def test_the_port_is_that_of_a_local_address(settings, url, port):
    settings.PUBLIC_URL = url
    assert serve.default_port() == port


def test_links_and_sockets_follow_the_port_really_used(settings):
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    settings.ISFLOW_PUBLIC_URL_GIVEN = False
    settings.ISFLOW_SOCKET_ORIGINS = []
    serve.announce_address(9001)
    assert settings.PUBLIC_URL == "http://127.0.0.1:9001"
    assert settings.ISFLOW_SOCKET_ORIGINS == ["http://127.0.0.1:9001", "http://localhost:9001"]


def test_a_given_address_is_kept(settings):
    settings.PUBLIC_URL = "https://desk.example.com"
    settings.ISFLOW_PUBLIC_URL_GIVEN = True
    settings.ISFLOW_SOCKET_ORIGINS = []
    serve.announce_address(9001)
    assert settings.PUBLIC_URL == "https://desk.example.com"


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_answers_and_stops_cleanly(signum):
    with embedded() as (process, url):
        assert http_status(f"{url}/health/ready") == 200
        assert http_status(f"{url}/accounts/login/") == 200
        assert http_status(f"{url}/static/admin/css/base.css") == 200
        port = url.rpartition(":")[2]
        second = subprocess.run(
            [sys.executable, "manage.py", "serve", "--port", port],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (second.returncode, "If isflow is running already" in second.stderr) == (1, True)
        before = time.monotonic()
        assert stop(process, signum) == 0
        assert time.monotonic() - before < LIMIT
