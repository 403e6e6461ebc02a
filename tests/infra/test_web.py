"""The web process as a real one: what it does when it is told to go."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import pytest

from tests.harness.servers import ROOT, free_port, port_answers, wait_for

REQUEST = b"GET /asked HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@contextmanager
def web(*where, fds=()):
    command = [sys.executable, "-m", "isflow.infra.web", *where, "tests.infra.slow_app:application"]
    process = subprocess.Popen(command, cwd=ROOT, pass_fds=fds, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def asking(port):
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(REQUEST)
        yield connection


def answer(connection):
    """Everything until the other side closes."""
    heard = b""
    with suppress(ConnectionResetError):
        while data := connection.recv(4096):
            heard += data
    return heard


@pytest.fixture
def port():
    return free_port()


def test_a_request_under_way_is_answered_before_the_process_leaves(port):
    with web("-b", "127.0.0.1", "-p", str(port)) as process:
        wait_for("the web process", lambda: port_answers(port))
        with asking(port) as connection:
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            heard = answer(connection)
        assert b"200 OK" in heard
        assert b"/asked" in heard
        assert process.wait(10) == 0


def test_while_it_leaves_a_kept_connection_takes_one_request_more_and_is_closed(port):
    with web("-b", "127.0.0.1", "-p", str(port)) as process:
        wait_for("the web process", lambda: port_answers(port))
        with asking(port) as first, asking(port) as second:
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), 1)
            second.recv(4096)
            second.sendall(REQUEST)
            heard = answer(second).lower()
            assert b"200 ok" not in heard or b"connection: close" in heard
            assert b"200 OK" in answer(first)
        assert process.wait(15) == 0


def test_two_processes_share_a_socket_that_outlives_each(port):
    with socket.create_server(("127.0.0.1", port), backlog=16) as listener:
        number = listener.fileno()
        with web("--fd", str(number), fds=(number,)) as one:
            with asking(port) as connection:
                assert b"200 OK" in connection.recv(4096)
            one.send_signal(signal.SIGTERM)
            one.wait(10)
            with asking(port) as waiting, web("--fd", str(number), fds=(number,)):
                assert b"200 OK" in waiting.recv(4096)
