import threading

import pytest

from sentiment.tracking import system_metrics
from sentiment.tracking.system_metrics import SystemMetrics

NAMES = {
    "system/cpu_utilization_percentage",
    "system/system_memory_usage_megabytes",
    "system/system_memory_usage_percentage",
    "system/process_memory_usage_megabytes",
}


def test_an_epoch_has_the_use_of_processor_and_memory_without_a_thread():
    before = threading.active_count()
    taken = SystemMetrics().take()
    assert taken.keys() >= NAMES and threading.active_count() == before
    assert 0 <= taken["system/cpu_utilization_percentage"] <= 100
    used = taken["system/process_memory_usage_megabytes"]
    assert 20 < used < 1.2 * taken["system/system_memory_usage_megabytes"]


def test_a_second_passes_between_samples_and_an_epoch_starts_anew(monkeypatch):
    clock, taken = [0.0], []
    monkeypatch.setattr(system_metrics.time, "monotonic", lambda: clock[0])
    measured = SystemMetrics()
    monitor = measured._monitors[0]
    monkeypatch.setattr(monitor, "collect_metrics", lambda: taken.append(clock[0]))
    monkeypatch.setattr(monitor, "aggregate_metrics", lambda: {"count": len(taken)})
    monkeypatch.setattr(monitor, "clear_metrics", taken.clear)
    for clock[0] in (0.5, 1.0, 1.5, 1.9, 2.0, 2.5):
        measured.sample()
    assert taken == [1.0, 2.0]
    assert measured.take()["system/count"] == 3  # and one at the end of the epoch
    assert taken == []


@pytest.mark.parametrize("error", [ImportError, RuntimeError])
def test_without_a_gpu_the_rest_is_measured(monkeypatch, error):
    def fail():
        raise error("no GPU")

    monkeypatch.setattr(system_metrics, "GPUMonitor", fail)
    assert SystemMetrics().take().keys() == NAMES
