"""NVIDIA's GPUs, through NVML where it is there."""

from __future__ import annotations

import importlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_llmbench.telemetry.gpu import GpuInfo, GpuProcess, GpuSample
from pytest_llmbench.telemetry.numa import numa_of_pci

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Nvml"]

T = TypeVar("T")

_THROTTLES = {
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x20: "thermal",
    0x40: "hardware thermal",
    0x80: "power brake",
}
"""Bits of `nvmlDeviceGetCurrentClocksThrottleReasons` that mean slower than asked for. Idle and clocks that
somebody set are none."""
_SM_CLOCK, _GPU_TEMPERATURE = 1, 0


class Nvml:
    """Asks NVIDIA's driver, which is opened for each question: nothing is held through a session of hours."""

    def gpus(self) -> tuple[GpuInfo, ...]:
        """Return every GPU; none if half of them do not answer."""
        with _nvml() as nvml:
            count = nvml.nvmlDeviceGetCount() if nvml else 0
            return tuple(_info(nvml, index) for index in range(count))
        return ()

    def memory_used(self, gpu: GpuInfo) -> int | None:
        """Ask how many bytes are in use."""
        return self._ask(gpu, lambda nvml, handle: int(nvml.nvmlDeviceGetMemoryInfo(handle).used))

    def processes(self, gpu: GpuInfo) -> tuple[GpuProcess, ...]:
        """Ask who computes on it. In a container the driver may tell of none, or with ids of the host."""

        def ask(nvml: Any, handle: Any) -> tuple[GpuProcess, ...]:  # noqa: ANN401 - an untyped library
            running = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
            return tuple(GpuProcess(int(one.pid), _number(one.usedGpuMemory)) for one in running)

        return self._ask(gpu, ask) or ()

    def sample(self, gpu: GpuInfo) -> GpuSample:
        """Ask how it is doing."""
        return self._ask(gpu, _sample) or GpuSample()

    def versions(self) -> tuple[str | None, str | None]:
        """Ask for the driver's version, and the newest CUDA it runs."""
        with _nvml() as nvml:
            if nvml:
                cuda = _maybe(nvml, lambda: int(nvml.nvmlSystemGetCudaDriverVersion_v2()))
                driver = _maybe(nvml, lambda: str(nvml.nvmlSystemGetDriverVersion()))
                return driver, f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None
        return None, None

    def _ask(self, gpu: GpuInfo, question: Callable[[Any, Any], T]) -> T | None:
        with _nvml() as nvml:
            return question(nvml, nvml.nvmlDeviceGetHandleByUUID(gpu.uuid)) if nvml else None
        return None


def _info(nvml: Any, index: int) -> GpuInfo:  # noqa: ANN401
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    pci = _maybe(nvml, lambda: str(nvml.nvmlDeviceGetPciInfo(handle).busId))
    limit = _maybe(nvml, lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000)
    generation = _maybe(nvml, lambda: int(nvml.nvmlDeviceGetMaxPcieLinkGeneration(handle)))
    width = _maybe(nvml, lambda: int(nvml.nvmlDeviceGetMaxPcieLinkWidth(handle)))
    return GpuInfo(
        index=index,
        name=str(nvml.nvmlDeviceGetName(handle)),
        uuid=str(nvml.nvmlDeviceGetUUID(handle)),
        memory_bytes=int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
        pci=pci,
        numa=numa_of_pci(pci) if pci else None,
        power_limit_w=limit,
        mig=_maybe(nvml, lambda: bool(nvml.nvmlDeviceGetMigMode(handle)[0])),
        # Of the slot: an idle link goes down to gen1, which says nothing.
        pcie=f"gen{generation} x{width}" if generation and width else None,
    )


def _sample(nvml: Any, handle: Any) -> GpuSample:  # noqa: ANN401
    reasons = _maybe(nvml, lambda: int(nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))) or 0
    energy = _maybe(nvml, lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000)
    return GpuSample(
        memory_bytes=_maybe(nvml, lambda: int(nvml.nvmlDeviceGetMemoryInfo(handle).used)),
        utilization=_maybe(nvml, lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100),
        power_w=_maybe(nvml, lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000),
        energy_j=energy,
        clock_mhz=_maybe(nvml, lambda: int(nvml.nvmlDeviceGetClockInfo(handle, _SM_CLOCK))),
        temperature_c=_maybe(nvml, lambda: int(nvml.nvmlDeviceGetTemperature(handle, _GPU_TEMPERATURE))),
        throttled=tuple(name for bit, name in _THROTTLES.items() if reasons & bit),
    )


def _maybe(nvml: Any, question: Callable[[], T]) -> T | None:  # noqa: ANN401
    """Ask what not every GPU can answer."""
    try:
        return question()
    except (nvml.NVMLError, AttributeError):
        return None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


@contextmanager
def _nvml() -> Iterator[Any]:
    """Give the initialised NVML module, or None; swallow what a broken driver raises."""
    try:
        nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
    except Exception:  # noqa: BLE001 - no package, no library, no driver, no permission: all mean no GPU
        yield None
        return
    try:
        yield nvml
    except nvml.NVMLError:
        pass  # half an answer is none: the caller's own default stands
    finally:
        nvml.nvmlShutdown()
