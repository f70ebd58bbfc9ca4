"""The GPUs of a deployment while it is measured: sampled twice a second, in a thread that mostly sleeps."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from pytest_llmbench.telemetry.gpu import GpuInfo, GpuSample
    from pytest_llmbench.telemetry.inventory import Inventory

__all__ = ["GpuWatch", "settled"]

_EVERY_SECONDS = 0.5
_SETTLED_SECONDS = 2.0
_SETTLED_CELSIUS = 1
_SETTLED_CLOCK = 0.02


class GpuWatch:
    """Samples GPUs while its context lasts; without GPUs it does nothing and knows nothing."""

    def __init__(self, inventory: Inventory, gpus: Sequence[GpuInfo]) -> None:
        self._inventory, self._gpus = inventory, gpus
        self._samples: list[tuple[int, list[GpuSample]]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gpu-watch", daemon=True)

    def __enter__(self) -> Self:
        if self._gpus:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._gpus:
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._samples.append((time.time_ns(), [self._inventory.sample(gpu) for gpu in self._gpus]))
            if self._stop.wait(_EVERY_SECONDS):
                return

    def values(self, began: int, ended: int, output_tokens: float) -> dict[str, float]:
        """Return metrics of the window from `began` to `ended` (ns, CLOCK_REALTIME), as far as known.

        `power` (W) is the mean of all GPUs' sum, from their energy counters where they have them;
        `energy_per_output_token` (J) is power x window / `output_tokens`; `gpu_memory` (bytes) the largest
        sum, `gpu_util` the mean of all, `gpu_clock` (MHz) the mean of the slowest, `gpu_temperature` (°C) the
        highest.
        """
        inside = [(at, samples) for at, samples in self._samples if began <= at <= ended]
        used = _told(inside, lambda sample: sample.utilization)
        heat = _told(inside, lambda sample: sample.temperature_c)
        found = {
            "power": self._power(inside),
            "gpu_memory": max(map(sum, _told(inside, lambda sample: sample.memory_bytes)), default=None),
            "gpu_util": _mean(sum(values) / len(values) for values in used),
            "gpu_clock": _mean(map(min, _told(inside, lambda sample: sample.clock_mhz))),
            "gpu_temperature": max(map(max, heat), default=None),
        }
        if found["power"] is not None and output_tokens > 0:
            found["energy_per_output_token"] = found["power"] * (ended - began) * 1e-9 / output_tokens
        return {name: value for name, value in found.items() if value is not None}

    def throttled(self) -> tuple[str, ...]:
        """Say which GPUs were slowed down, and why: `GPU 0: thermal`."""
        seen = {
            f"GPU {gpu.label}: {reason}": None
            for _, samples in self._samples
            for gpu, sample in zip(self._gpus, samples, strict=True)
            for reason in sample.throttled
        }
        return tuple(seen)

    @staticmethod
    def _power(inside: Sequence[tuple[int, list[GpuSample]]]) -> float | None:
        counted = [
            (at, sum(sample.energy_j or 0 for sample in samples))
            for at, samples in inside
            if all(sample.energy_j is not None for sample in samples)
        ]
        if len(counted) > 1 and counted[-1][0] > counted[0][0]:
            return (counted[-1][1] - counted[0][1]) / ((counted[-1][0] - counted[0][0]) * 1e-9)
        return _mean(map(sum, _told(inside, lambda sample: sample.power_w)))


def settled(
    inventory: Inventory, gpus: Sequence[GpuInfo], *, timeout: float, on_wait: Callable[[str], None]
) -> str | None:
    """Wait until clocks and temperatures stay for two seconds; say what did not within `timeout` (s)."""
    deadline = time.monotonic() + timeout
    before = [inventory.sample(gpu) for gpu in gpus]
    while any(sample.temperature_c or sample.clock_mhz for sample in before):
        time.sleep(min(_SETTLED_SECONDS, max(0.0, timeout)))
        now = [inventory.sample(gpu) for gpu in gpus]
        moved = [
            text for gpu, old, new in zip(gpus, before, now, strict=True) if (text := _moved(gpu, old, new))
        ]
        if not moved:
            return None
        if time.monotonic() >= deadline:
            return "; ".join(moved)
        on_wait(f"waiting for {'; '.join(moved)}")
        before = now
    return None


def _moved(gpu: GpuInfo, old: GpuSample, new: GpuSample) -> str:
    if None not in (old.temperature_c, new.temperature_c):
        first, last = old.temperature_c or 0, new.temperature_c or 0
        if abs(last - first) > _SETTLED_CELSIUS:
            return f"GPU {gpu.label}: temperature went from {first} to {last} °C"
    first, last = old.clock_mhz or 0, new.clock_mhz or 0
    if abs(last - first) > _SETTLED_CLOCK * max(first, last):
        return f"GPU {gpu.label}: clock went from {first} to {last} MHz"
    return ""


def _told(
    inside: Sequence[tuple[int, list[GpuSample]]], value: Callable[[GpuSample], float | None]
) -> list[list[float]]:
    """Values of the GPUs, for every moment at which all of them told theirs."""
    told = ([value(sample) for sample in samples] for _, samples in inside)
    return [[v for v in values if v is not None] for values in told if None not in values]


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None
