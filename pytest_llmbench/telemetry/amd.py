"""AMD's GPUs, through `amdsmi` where it is there. It comes with ROCm, in the same version."""

from __future__ import annotations

import importlib
import importlib.util
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_llmbench.telemetry.gpu import GpuInfo, GpuProcess, GpuSample
from pytest_llmbench.telemetry.numa import numa_of_pci

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Amd"]

T = TypeVar("T")
_MIB = 2**20


class Amd:
    """Asks AMD's driver. Written from the library's documentation, and not seen on such a GPU yet."""

    def gpus(self) -> tuple[GpuInfo, ...]:
        """Return every GPU; none if half of them do not answer."""
        with _amdsmi() as smi:
            handles = smi.amdsmi_get_processor_handles() if smi else ()
            return tuple(_info(smi, index, handle) for index, handle in enumerate(handles))
        return ()

    def memory_used(self, gpu: GpuInfo) -> int | None:
        """Ask how many bytes are in use."""
        return self._ask(gpu, _used)

    def processes(self, gpu: GpuInfo) -> tuple[GpuProcess, ...]:
        """Ask who computes on it."""

        def ask(smi: Any, handle: Any) -> tuple[GpuProcess, ...]:  # noqa: ANN401 - an untyped library
            running = smi.amdsmi_get_gpu_process_list(handle)
            return tuple(GpuProcess(int(one["pid"]), _number(one["mem"])) for one in running)

        return self._ask(gpu, ask) or ()

    def sample(self, gpu: GpuInfo) -> GpuSample:
        """Ask how it is doing."""
        return self._ask(gpu, _sample) or GpuSample()

    def link(self, _gpu: GpuInfo, _other: GpuInfo) -> str | None:
        """Tell nothing: its numbers for links mean different ones in different versions."""
        return None

    def versions(self) -> tuple[str | None, str | None]:
        """Ask for the driver's version."""
        with _amdsmi() as smi:
            handles = smi.amdsmi_get_processor_handles() if smi else ()
            if handles:
                return str(smi.amdsmi_get_gpu_driver_info(handles[0])["driver_version"]), None
        return None, None

    def _ask(self, gpu: GpuInfo, question: Callable[[Any, Any], T]) -> T | None:
        with _amdsmi() as smi:
            for handle in smi.amdsmi_get_processor_handles() if smi else ():
                if str(smi.amdsmi_get_gpu_device_uuid(handle)) == gpu.uuid:
                    return question(smi, handle)
        return None


def _info(smi: Any, index: int, handle: Any) -> GpuInfo:  # noqa: ANN401
    pci = str(smi.amdsmi_get_gpu_device_bdf(handle))
    return GpuInfo(
        index=index,
        name=str(smi.amdsmi_get_gpu_asic_info(handle)["market_name"]),
        uuid=str(smi.amdsmi_get_gpu_device_uuid(handle)),
        memory_bytes=int(smi.amdsmi_get_gpu_vram_usage(handle)["vram_total"]) * _MIB,
        vendor="amd",
        pci=pci,
        numa=numa_of_pci(pci),
    )


def _used(smi: Any, handle: Any) -> int:  # noqa: ANN401
    return int(smi.amdsmi_get_gpu_vram_usage(handle)["vram_used"]) * _MIB


def _sample(smi: Any, handle: Any) -> GpuSample:  # noqa: ANN401
    power = smi.amdsmi_get_power_info(handle)
    energy = smi.amdsmi_get_energy_count(handle)
    busy = _number(smi.amdsmi_get_gpu_activity(handle)["gfx_activity"])
    watts = _number(power["current_socket_power"])
    return GpuSample(
        memory_bytes=_used(smi, handle),
        utilization=None if busy is None else busy / 100,
        # Newer GPUs tell only the momentary, older ones only the mean power.
        power_w=_number(power["average_socket_power"]) if watts is None else watts,
        # Counted in steps of so many microjoules.
        energy_j=energy["energy_accumulator"] * energy["counter_resolution"] / 1e6,
    )


def _number(value: object) -> int | None:
    """Return a number; the library says "N/A" for what a GPU does not tell."""
    return value if isinstance(value, int) else None


@contextmanager
def _amdsmi() -> Iterator[Any]:
    """Give the initialised library, or None; swallow what a broken driver raises."""
    if importlib.util.find_spec("amdsmi") is None:
        yield None
        return
    try:
        smi = importlib.import_module("amdsmi")
        smi.amdsmi_init()
    except Exception:  # noqa: BLE001 - no library, no driver, no permission: all mean no GPU
        yield None
        return
    try:
        yield smi
    except (smi.AmdSmiException, KeyError, TypeError):
        pass  # half an answer is none: the caller's own default stands
    finally:
        smi.amdsmi_shut_down()
