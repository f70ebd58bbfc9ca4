"""The GPUs of this host that we may use."""

from __future__ import annotations

import functools
import os

from pytest_llmbench.counting import counted
from pytest_llmbench.telemetry.gpu import GpuInfo
from pytest_llmbench.telemetry.inventory import host_inventory
from pytest_llmbench.telemetry.visible import visible

__all__ = ["GpuInfo", "cuda_version", "driver_version", "gpu_shortage", "list_gpus"]


@functools.cache
def list_gpus() -> tuple[GpuInfo, ...]:
    """Return the GPUs that outer variables leave; none without a driver. Never raises; asks once."""
    return visible(host_inventory().gpus(), os.environ)


@functools.cache
def driver_version() -> str | None:
    """Return the driver's version, such as `570.86.15`; None without a driver."""
    return host_inventory().versions()[0]


@functools.cache
def cuda_version() -> str | None:
    """Return the newest CUDA version the driver runs, such as `12.8`; None without a driver."""
    return host_inventory().versions()[1]


def gpu_shortage(wanted: int) -> str | None:
    """Say `needs 2 GPUs, found 0` where this host has fewer than `wanted`; None where it has enough."""
    found = len(list_gpus()) if wanted else 0
    if found >= wanted:
        return None
    return f"needs {counted(wanted, 'GPU')}, found {found}"
