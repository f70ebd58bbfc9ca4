"""The GPUs of a host, whoever made them: one small protocol, one module a source."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_llmbench.telemetry.amd import Amd
from pytest_llmbench.telemetry.listed import Listed
from pytest_llmbench.telemetry.nvml import Nvml

if TYPE_CHECKING:
    from pytest_llmbench.telemetry.gpu import GpuInfo, GpuProcess, GpuSample

__all__ = ["Inventory", "host_inventory"]


class Inventory(Protocol):
    """Something that knows GPUs. Nothing here raises: a driver that does not answer has none to offer."""

    def gpus(self) -> tuple[GpuInfo, ...]:
        """All GPUs, in the driver's order, whatever variables say."""

    def memory_used(self, gpu: GpuInfo) -> int | None:
        """Bytes in use; None if that cannot be told."""

    def processes(self, gpu: GpuInfo) -> tuple[GpuProcess, ...]:
        """Who uses it."""

    def sample(self, gpu: GpuInfo) -> GpuSample:
        """How it is doing now; what cannot be told is None."""

    def versions(self) -> tuple[str | None, str | None]:
        """The driver's version, and the newest CUDA or ROCm version it runs."""


@cache
def host_inventory() -> Inventory:
    """Return what knows this host's GPUs: NVIDIA's driver, else AMD's.

    LLMBENCH_GPU_INVENTORY names a JSON file to believe instead; it is for tests of leasing.
    """
    if path := os.environ.get("LLMBENCH_GPU_INVENTORY"):
        return Listed(Path(path))
    nvml = Nvml()
    return nvml if nvml.gpus() else Amd()
