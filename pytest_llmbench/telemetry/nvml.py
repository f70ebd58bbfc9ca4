"""NVIDIA's GPUs, through NVML where it is there."""

from __future__ import annotations

import importlib
from contextlib import contextmanager
from dataclasses import replace
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
_SM_CLOCK, _GPU_TEMPERATURE, _NVLINK = 1, 0, 2
_LEVELS = {0: "one board", 10: "PIX", 20: "PXB", 30: "PHB", 40: "NODE", 50: "SYS"}
"""`nvmlGpuTopologyLevel_t` in the words of `nvidia-smi topo -m`: what lies between two GPUs, near to far."""


class Nvml:
    """Asks NVIDIA's driver, which is opened for each question: nothing is held through a session of hours."""

    def gpus(self) -> tuple[GpuInfo, ...]:
        """Return every GPU; none if half of them do not answer."""
        with _nvml() as nvml:
            count = nvml.nvmlDeviceGetCount() if nvml else 0
            return tuple(gpu for index in range(count) for gpu in _infos(nvml, index))
        return ()

    def link(self, gpu: GpuInfo, other: GpuInfo) -> str | None:
        """Ask how two are connected."""
        with _nvml() as nvml:
            if nvml:
                pair = [nvml.nvmlDeviceGetHandleByUUID(one.uuid) for one in (gpu, other)]
                fast = _maybe(nvml, lambda: int(nvml.nvmlDeviceGetP2PStatus(*pair, _NVLINK)) == 0)
                level = _maybe(nvml, lambda: int(nvml.nvmlDeviceGetTopologyCommonAncestor(*pair)))
                return "NVLink" if fast else _LEVELS.get(-1 if level is None else level)
        return None

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


def _infos(nvml: Any, index: int) -> Iterator[GpuInfo]:  # noqa: ANN401
    """Tell of a GPU, or of each of its MIG instances: divided, it computes as those only."""
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    whole = _info(nvml, index, handle)
    if not whole.mig:
        yield whole
        return
    for instance in range(int(nvml.nvmlDeviceGetMaxMigDeviceCount(handle))):
        # Not every number is one of an instance.
        part = _maybe(nvml, lambda number=instance: nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number))  # type: ignore[misc]
        if part is not None:
            yield replace(
                whole,
                instance=instance,
                name=str(nvml.nvmlDeviceGetName(part)),
                uuid=str(nvml.nvmlDeviceGetUUID(part)),
                memory_bytes=int(nvml.nvmlDeviceGetMemoryInfo(part).total),
            )


def _info(nvml: Any, index: int, handle: Any) -> GpuInfo:  # noqa: ANN401
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
        clock_limit_mhz=_maybe(nvml, lambda: int(nvml.nvmlDeviceGetApplicationsClock(handle, _SM_CLOCK))),
        ecc=_maybe(nvml, lambda: bool(nvml.nvmlDeviceGetEccMode(handle)[0])),
        mig=_maybe(nvml, lambda: bool(nvml.nvmlDeviceGetMigMode(handle)[0])),
        # Of the slot: an idle link goes down to gen1, which says nothing.
        pcie=f"gen{generation} x{width}" if generation and width else None,
    )


def _sample(nvml: Any, handle: Any) -> GpuSample:  # noqa: ANN401
    # An instance has memory of its own; clocks and heat are the whole GPU's, and its power nobody's part.
    whole = _maybe(nvml, lambda: nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle)) or handle
    reasons = _maybe(nvml, lambda: int(nvml.nvmlDeviceGetCurrentClocksThrottleReasons(whole))) or 0
    energy = _maybe(nvml, lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000)
    return GpuSample(
        memory_bytes=_maybe(nvml, lambda: int(nvml.nvmlDeviceGetMemoryInfo(handle).used)),
        utilization=_maybe(nvml, lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100),
        power_w=_maybe(nvml, lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000),
        energy_j=energy,
        clock_mhz=_maybe(nvml, lambda: int(nvml.nvmlDeviceGetClockInfo(whole, _SM_CLOCK))),
        temperature_c=_maybe(nvml, lambda: int(nvml.nvmlDeviceGetTemperature(whole, _GPU_TEMPERATURE))),
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
