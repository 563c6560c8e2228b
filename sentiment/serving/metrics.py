"""Count requests, texts and changes of the model, for Prometheus."""

import os
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.process_collector import ProcessCollector

# If it is set before this module is imported, workers count in files in this folder.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # seconds

Reload = Literal["taken", "refused", "failed"]


class Metrics:
    """The counters of a worker; `render` adds up those of all workers."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.requests = Counter(
            "sentiment_requests", "Answered requests", ["path", "status"], registry=registry
        )
        self.seconds = Histogram(
            "sentiment_request_seconds",
            "Seconds from a request's head to the end of its answer",
            ["path"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.texts = Counter("sentiment_texts", "Classified texts", ["label"], registry=registry)
        self.in_flight = Gauge(
            "sentiment_requests_in_flight",
            "Requests that are worked on",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.reloads = Counter(
            "sentiment_model_reloads",
            "Looks for a newer model: taken up, refused as bad, or failed",
            ["result"],
            registry=registry,
        )
        self.model = Gauge(
            "sentiment_model_workers",
            "Workers that serve a model",
            ["model", "digest"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        for result in ("taken", "refused", "failed"):
            self.reloads.labels(result)
        if os.environ.get(FOLDER_VARIABLE):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        else:
            ProcessCollector(registry=registry)
        self._registry = registry

    def render(self) -> bytes:
        """Return all numbers in Prometheus's text format."""
        return generate_latest(self._registry)


def forget_worker(pid: int) -> None:
    """Leave the gauges of a worker that has ended out of the sums."""
    mark_process_dead(pid)
