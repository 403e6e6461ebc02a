"""Figures for Prometheus: counters of this process, and gauges read from the database when asked.

With ``PROMETHEUS_MULTIPROC_DIR`` set, the counters of all processes that share the folder are added up.
They are told apart by host and number: in containers every process has number one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from isflow.infra.supervisors import refusal
from isflow.infra.workers import workers_seen

log = structlog.get_logger(__name__)


def _process_name() -> str:
    """Name this process as no other one is named; underscores would confuse the reader of the files."""
    return f"{socket.gethostname().replace('_', '-')}-{os.getpid()}"


if settings.PROMETHEUS_MULTIPROC_DIR:
    Path(settings.PROMETHEUS_MULTIPROC_DIR).mkdir(parents=True, exist_ok=True)
    values.ValueClass = values.MultiProcessValue(_process_name)  # type: ignore[no-untyped-call]

REGISTRY: Final = CollectorRegistry()

CLAIMS: Final = Counter(
    "isflow_claims", "Claims that took at least one row, by what was claimed.", ["kind"], registry=REGISTRY
)
CLAIMED: Final = Counter("isflow_claimed", "Rows taken by claims.", ["kind"], registry=REGISTRY)
BURSTS: Final = Counter("isflow_bursts", "Committed batches of bursts.", registry=REGISTRY)
BURST_SECONDS: Final = Histogram(
    "isflow_burst_seconds", "How long one batch of bursts took, commit included.", registry=REGISTRY
)
STEPS: Final = Counter(
    "isflow_steps", "Step visits, by type and what came of them.", ["type", "outcome"], registry=REGISTRY
)
SENDS: Final = Counter(
    "isflow_sends", "Attempts to send a message that were settled.", ["status"], registry=REGISTRY
)


@dataclass(frozen=True, slots=True)
class Gauge:
    """A figure with at most one label. ``read`` gives ``{label value: figure}``, or ``{"": figure}``."""

    name: str
    text: str
    read: Callable[[], dict[str, float]]
    label: str = ""


_gauges: dict[str, Gauge] = {}


def register_gauge(gauge: Gauge) -> None:
    """Have a figure read at every scrape; the same name again replaces it."""
    _gauges[gauge.name] = gauge


class _Gauges(Collector):
    """Reads the registered figures; one that cannot be read is left out, not shown as zero."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for gauge in _gauges.values():
            family = GaugeMetricFamily(gauge.name, gauge.text, labels=[gauge.label] if gauge.label else [])
            try:
                found = gauge.read()
            except DatabaseError as error:
                log.warning("metrics.gauge_failed", gauge=gauge.name, error=type(error).__name__)
                continue
            for value, figure in found.items():
                family.add_metric([value] if gauge.label else [], figure)
            yield family


@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with everything in Prometheus' text format, to those who may know."""
    refused = refusal(request)
    if refused is not None:
        return refused
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def exposition() -> bytes:
    """Write counters and gauges as Prometheus reads them."""
    counters: CollectorRegistry = REGISTRY
    if settings.PROMETHEUS_MULTIPROC_DIR:
        counters = CollectorRegistry()
        MultiProcessCollector(counters, path=settings.PROMETHEUS_MULTIPROC_DIR)  # type: ignore[no-untyped-call]
    gauges = CollectorRegistry()
    gauges.register(_Gauges())
    return generate_latest(counters) + generate_latest(gauges)


def _worker_ages() -> dict[str, float]:
    return {f"{worker.host}:{worker.pid}": worker.age for worker in workers_seen()}


register_gauge(
    Gauge(
        "isflow_sweeper_age_seconds",
        "Seconds since each worker process last looked for work.",
        _worker_ages,
        "process",
    )
)
register_gauge(
    Gauge("isflow_workers", "Worker processes heard of lately.", lambda: {"": len(workers_seen())})
)
