from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.db import DatabaseError
from prometheus_client.parser import text_string_to_metric_families

from isflow.infra import metrics

pytestmark = pytest.mark.django_db

TOKEN = "t0ps3cret-t0ps3cret"


def families(text):
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_a_program_on_this_machine_may_read_the_figures(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    found = families(answer.content.decode())
    expected = {
        "isflow_steps",
        "isflow_bursts",
        "isflow_due_lag_seconds",
        "isflow_queue_size",
        "isflow_unknowns",
    }
    assert expected <= found.keys()


@pytest.mark.parametrize("path", ["/metrics", "/health/deep"])
@pytest.mark.parametrize(
    "extra",
    [
        {"REMOTE_ADDR": "203.0.113.9"},
        {"REMOTE_ADDR": "nonsense"},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_FORWARDED": "for=127.0.0.1"},
    ],
)
def test_strangers_and_whoever_comes_through_a_proxy_may_not(client, path, extra):
    assert client.get(path, **extra).status_code == 403


@pytest.mark.parametrize("path", ["/metrics", "/health/deep"])
def test_behind_a_declared_proxy_only_the_token_opens(client, settings, path):
    settings.ISFLOW_BEHIND_PROXY = True
    assert client.get(path).status_code == 403


@pytest.mark.parametrize("path", ["/metrics", "/health/deep"])
def test_the_token_is_asked_of_everybody_once_it_is_set(client, settings, path):
    settings.ISFLOW_METRICS_TOKEN = TOKEN
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"authorization": "Bearer wrong"}).status_code == 401
    answer = client.get(path, headers={"authorization": f"Bearer {TOKEN}"}, REMOTE_ADDR="203.0.113.9")
    assert answer.status_code in (200, 503)
    assert TOKEN not in answer.content.decode()


def test_a_gauge_that_cannot_be_read_is_left_out(client, monkeypatch):
    def broken():
        raise DatabaseError

    monkeypatch.setitem(metrics._gauges, "isflow_broken", metrics.Gauge("isflow_broken", "Broken.", broken))
    text = client.get("/metrics").content.decode()
    assert "isflow_broken" not in text
    assert "isflow_due_lag_seconds" in text


def test_counters_of_all_processes_are_added_up_from_a_shared_folder(client, settings, tmp_path):
    settings.PROMETHEUS_MULTIPROC_DIR = str(tmp_path)
    text = client.get("/metrics").content.decode()
    assert "isflow_due_lag_seconds" in text
    assert "isflow_bursts_total" not in text  # this process counts in memory; the folder is empty


COUNT = """
import os, socket, sys
socket.gethostname, os.getpid = lambda: sys.argv[1], lambda: 1
import django
django.setup()
from isflow.infra.metrics import BURSTS
BURSTS.inc(2)
"""
READ = """
import django
django.setup()
import sys
from isflow.infra.metrics import exposition
sys.stdout.write(exposition().decode())
"""


def test_processes_of_several_hosts_share_a_folder_and_are_added_up(tmp_path):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env = {
        **kept,
        "DJANGO_SETTINGS_MODULE": "isflow.settings.dev",
        "ISFLOW_DATA_DIR": str(tmp_path),
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "not" / "yet"),
    }
    for host in ("web_1", "worker_1", "worker_1"):  # the last one is the second life of its container
        subprocess.run([sys.executable, "-c", COUNT, host], env=env, check=True)
    read = subprocess.run([sys.executable, "-c", READ], env=env, check=True, capture_output=True, text=True)
    [sample] = families(read.stdout)["isflow_bursts"].samples
    assert sample.value == 6
