"""The GPUs of a host, whoever made them: one small protocol, one module a source."""

from __future__ import annotations

import os
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_llmbench.telemetry.amd import Amd
from pytest_llmbench.telemetry.listed import Listed
from pytest_llmbench.telemetry.nvml import Nvml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_llmbench.telemetry.gpu import GpuInfo, GpuProcess, GpuSample

__all__ = ["Inventory", "host_inventory", "links"]


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

    def link(self, gpu: GpuInfo, other: GpuInfo, /) -> str | None:
        """How two of them are connected: `NVLink`, or what lies between them (`PIX` to `SYS`)."""

    def versions(self) -> tuple[str | None, str | None]:
        """The driver's version, and the newest CUDA or ROCm version it runs."""


def links(inventory: Inventory, gpus: Iterable[GpuInfo]) -> tuple[str, ...]:
    """Say how GPUs are connected with each other, each kind of link once, sorted."""
    found = (inventory.link(gpu, other) for gpu, other in combinations(gpus, 2))
    return tuple(sorted({link for link in found if link}))


@cache
def host_inventory() -> Inventory:
    """Return what knows this host's GPUs: NVIDIA's driver, else AMD's.

    LLMBENCH_GPU_INVENTORY names a JSON file to believe instead; it is for tests of leasing.
    """
    if path := os.environ.get("LLMBENCH_GPU_INVENTORY"):
        return Listed(Path(path))
    nvml = Nvml()
    return nvml if nvml.gpus() else Amd()
