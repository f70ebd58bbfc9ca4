"""GPUs while they are measured, on paper."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmbench.telemetry.gpu import GpuSample
from pytest_llmbench.telemetry.listed import Listed
from pytest_llmbench.telemetry.watch import GpuWatch, settled

if TYPE_CHECKING:
    from pathlib import Path


def inventory(tmp_path: Path, *samples: dict[str, Any]) -> Listed:
    """List GPUs that are doing so."""
    gpus = [
        {"index": index, "uuid": f"GPU-{index}", "name": "H100", "memory": 80, "sample": sample}
        for index, sample in enumerate(samples)
    ]
    path = tmp_path / "gpus.json"
    # As a whole: the thread that samples must not read half of it.
    path.with_suffix(".new").write_text(json.dumps(gpus))
    path.with_suffix(".new").replace(path)
    return Listed(path)


def watched(found: Listed) -> tuple[GpuWatch, int, int]:
    """Watch for a moment: (the watch, when it began and ended)."""
    began = time.time_ns()
    with GpuWatch(found, found.gpus()) as watch:
        while not watch._samples:
            time.sleep(0.01)
    return watch, began, time.time_ns()


def test_sums_over_the_gpus(tmp_path: Path) -> None:
    """Power and memory are those of all of them; the slowest clock and the highest temperature count."""
    busy = {"power_w": 300.0, "memory_bytes": 10, "utilization": 0.5, "clock_mhz": 1980, "temperature_c": 60}
    hot = {"power_w": 400.0, "memory_bytes": 20, "utilization": 1.0, "throttled": ["thermal"]}
    hot |= {"clock_mhz": 1755, "temperature_c": 85}
    watch, began, ended = watched(inventory(tmp_path, busy, hot))
    values = watch.values(began, ended, 7.0)
    seconds = (ended - began) * 1e-9
    assert values == {
        "power": 700.0,
        "gpu_memory": 30,
        "gpu_util": 0.75,
        "gpu_clock": 1755,
        "gpu_temperature": 85,
        "energy_per_output_token": pytest.approx(100.0 * seconds),
    }
    assert watch.throttled() == ("GPU 1: thermal",)
    assert watch.values(ended, ended + 1, 7.0) == {}


def test_energy_counters_are_better_than_moments(tmp_path: Path) -> None:
    """Power between two looks is in them; moments are not asked then."""
    found = inventory(tmp_path, {})
    watch = GpuWatch(found, found.gpus())
    watch._samples = [(at * 10**9, [GpuSample(energy_j=100.0 * at, power_w=1.0)]) for at in (1, 3)]
    assert watch.values(0, 4 * 10**9, 0.0)["power"] == 100.0


def test_what_is_not_told_is_absent(tmp_path: Path) -> None:
    """Of one GPU that tells nothing, no sum is known; without GPUs nothing is."""
    watch, began, ended = watched(inventory(tmp_path, {"power_w": 300.0}, {}))
    assert watch.values(began, ended, 1.0) == {}
    with GpuWatch(inventory(tmp_path), ()) as nothing:
        pass
    assert nothing.values(0, 1, 1.0) == {}
    assert nothing.throttled() == ()


def test_settling(tmp_path: Path) -> None:
    """It waits for temperature and clock to stay; who does not say either is not waited for."""
    found = inventory(tmp_path, {"temperature_c": 60, "clock_mhz": 1000})
    told: list[str] = []

    def cool(text: str) -> None:
        told.append(text)

    assert settled(found, found.gpus(), timeout=0, on_wait=cool) is None
    temperatures = iter((60, 50, 50, 50))

    class Cooling(Listed):
        def sample(self, gpu: object) -> GpuSample:  # noqa: ARG002
            return GpuSample(temperature_c=next(temperatures))

    cooling = Cooling(tmp_path / "gpus.json")
    assert settled(cooling, found.gpus(), timeout=60, on_wait=cool) is None
    assert told == ["waiting for GPU 0: temperature went from 60 to 50 °C"]
    temperatures = iter((60, 50))
    reason = settled(cooling, found.gpus(), timeout=0, on_wait=cool)
    assert reason == "GPU 0: temperature went from 60 to 50 °C"
    silent = inventory(tmp_path, {})
    assert settled(silent, silent.gpus(), timeout=60, on_wait=cool) is None
