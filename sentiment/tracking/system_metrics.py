"""Measure the use of processor, memory and GPU during an epoch, under MLflow's names.

MLflow's monitors measure, and the training asks them between batches: there is no thread that could
outlive it, and the results go the way of its other metrics, also into a queue on disk.
"""

import time
from contextlib import suppress

import psutil

from sentiment.tracking.metric_names import SYSTEM
from sentiment.utils import environment

with environment.suppress_stderr():
    from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor

_SECONDS = 1.0  # at least, between two samples


class _ProcessMonitor(BaseMetricsMonitor):
    """Measures the memory of this process."""

    def collect_metrics(self) -> None:
        """Take a sample."""
        self._metrics["process_memory_usage_megabytes"].append(
            psutil.Process().memory_info().rss / 1e6
        )

    def aggregate_metrics(self) -> dict[str, float]:
        """Return the largest of the samples."""
        return {name: round(max(values), 1) for name, values in self._metrics.items()}


class SystemMetrics:
    """Samples of the time since the last epoch."""

    def __init__(self) -> None:
        self._monitors: list[BaseMetricsMonitor] = [CPUMonitor(), _ProcessMonitor()]
        with suppress(ImportError, RuntimeError):  # no GPU, or no library that asks it
            self._monitors.append(GPUMonitor())
        psutil.cpu_percent()  # the first answer covers no time
        self._last = time.monotonic()

    def sample(self) -> None:
        """Take a sample, unless the last one is less than a second old."""
        now = time.monotonic()
        if now - self._last >= _SECONDS:
            self._last = now
            self._collect()

    def take(self) -> dict[str, float]:
        """Return the means over the samples, and the largest memory of the process; start anew."""
        self._collect()
        taken: dict[str, float] = {}
        for monitor in self._monitors:
            taken |= {f"{SYSTEM}{name}": v for name, v in monitor.aggregate_metrics().items()}
            monitor.clear_metrics()
        return taken

    def _collect(self) -> None:
        for monitor in self._monitors:
            monitor.collect_metrics()
