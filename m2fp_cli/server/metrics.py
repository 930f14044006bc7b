"""``/metrics``: what Prometheus and autoscalers want to know."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily as CounterFamily
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from m2fp_cli.batch.resources import resident_bytes
from m2fp_cli.server.figures import PoolFigures
from m2fp_cli.server.guard import Exchange
from m2fp_cli.server.waiting import Delivered

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class Metrics:
    """Counts requests and work; watches the guard."""

    def __init__(self) -> None:
        """Start at zero, with a registry of its own."""
        # A time stamp beside every counter, which nobody reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "m2fp_requests",
            "Requests by path and status; status 0: the client went away.",
            ("path", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "m2fp_request_seconds",
            "Seconds from the head of a request to the end of its answer.",
            ("path",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._waited = Histogram(
            "m2fp_wait_seconds",
            "Seconds that a request waited for a worker.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._stages = Counter(
            "m2fp_stage_seconds",
            "Seconds of work by stage.",
            ("stage",),
            registry=self._registry,
        )
        self._photos = Counter(
            "m2fp_answers", "Answers that workers made.", registry=self._registry
        )

    def saw(self, exchange: Exchange) -> None:
        """Count a request."""
        path = exchange.route or "other"
        method = exchange.method if exchange.method in _METHODS else "other"
        self._requests.labels(path, method, str(exchange.status)).inc()
        self._seconds.labels(path).observe(exchange.seconds)

    def crashed(self, exchange: Exchange, error: Exception) -> None:
        """Nothing to add: the request counts as a 500."""

    def worked(self, delivered: Delivered) -> None:
        """Count an answer of a worker."""
        self._photos.inc()
        self._waited.observe(delivered.waited_seconds)
        for stage, seconds in delivered.answer.seconds.items():
            self._stages.labels(stage).inc(seconds)

    def watch_pool(self, figures: Callable[[], PoolFigures]) -> None:
        """Tell of a pool as well."""
        self._registry.register(_PoolCollector(figures))

    def watch(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """Tell of another number that goes up and down."""
        self._registry.register(_GaugeCollector(name, help_text, value))

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)


_METHODS = frozenset(("GET", "HEAD", "POST", "DELETE", "OPTIONS"))


class _GaugeCollector(Collector):
    def __init__(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        self._name, self._help, self._value = name, help_text, value

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(self._name, self._help, value=self._value())


class _PoolCollector(Collector):
    """Asks a pool when somebody asks us."""

    def __init__(self, figures: Callable[[], PoolFigures]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        now = self._figures()
        gauge = GaugeMetricFamily
        yield gauge("m2fp_queue_length", "Requests that wait for a worker.", value=now.queued)
        workers = gauge("m2fp_workers", "Worker processes by state.", labels=["state"])
        workers.add_metric(["wanted"], now.workers)
        workers.add_metric(["ready"], now.ready)
        workers.add_metric(["busy"], now.busy)
        yield workers
        restarts, deaths = "m2fp_worker_restarts", "m2fp_worker_deaths"
        yield CounterFamily(restarts, "Workers replaced, for whatever reason.", value=now.restarts)
        yield CounterFamily(deaths, "Workers that crashed or were killed.", value=now.deaths)
        memory = gauge("m2fp_resident_bytes", "Resident memory by process.", labels=["process"])
        memory.add_metric(["front"], resident_bytes(os.getpid()))
        memory.add_metric(["workers"], now.resident_bytes)
        yield memory
