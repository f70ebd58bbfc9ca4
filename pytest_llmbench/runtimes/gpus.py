"""The NVIDIA GPUs of this host, through NVML where it is there."""

from __future__ import annotations

import functools
import importlib
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["GpuInfo", "cuda_version", "driver_version", "gpu_shortage", "list_gpus"]


@dataclass(frozen=True, slots=True)
class GpuInfo:
    """One GPU; `index` is NVML's, whatever `CUDA_VISIBLE_DEVICES` says; `memory_bytes` is all it has."""

    index: int
    name: str
    uuid: str
    memory_bytes: int


@functools.cache
def list_gpus() -> tuple[GpuInfo, ...]:
    """Return the GPUs that `CUDA_VISIBLE_DEVICES` leaves; none without a driver. Never raises; asks once."""
    return _visible(_all_gpus(), os.environ.get("CUDA_VISIBLE_DEVICES"))


@functools.cache
def driver_version() -> str | None:
    """Return the driver's version, such as `570.86.15`; None without a driver."""
    with _nvml() as nvml:
        return str(nvml.nvmlSystemGetDriverVersion()) if nvml else None
    return None


@functools.cache
def cuda_version() -> str | None:
    """Return the newest CUDA version the driver runs, such as `12.8`; None without a driver."""
    with _nvml() as nvml:
        if nvml:
            version = int(nvml.nvmlSystemGetCudaDriverVersion_v2())
            return f"{version // 1000}.{version % 1000 // 10}"
    return None


def gpu_shortage(wanted: int) -> str | None:
    """Say `needs 2 GPUs, found 0` where this host has fewer than `wanted`; None where it has enough."""
    found = len(list_gpus()) if wanted else 0
    if found >= wanted:
        return None
    return f"needs {wanted} GPU{'s' if wanted > 1 else ''}, found {found}"


def _all_gpus() -> tuple[GpuInfo, ...]:
    gpus: list[GpuInfo] = []
    with _nvml() as nvml:
        for index in range(nvml.nvmlDeviceGetCount()) if nvml else ():
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            gpus.append(
                GpuInfo(
                    index=index,
                    name=str(nvml.nvmlDeviceGetName(handle)),
                    uuid=str(nvml.nvmlDeviceGetUUID(handle)),
                    memory_bytes=int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
                )
            )
    return tuple(gpus)


def _visible(gpus: Sequence[GpuInfo], chosen: str | None) -> tuple[GpuInfo, ...]:
    """Apply `CUDA_VISIBLE_DEVICES`: indices or beginnings of UUIDs, up to the first that is neither."""
    if chosen is None:
        return tuple(gpus)
    visible: list[GpuInfo] = []
    for item in (part.strip() for part in chosen.split(",")):
        match = next(
            (gpu for gpu in gpus if item == str(gpu.index) or (item and gpu.uuid.startswith(item))), None
        )
        if match is None:
            break
        visible.append(match)
    return tuple(visible)


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
