"""One GPU: what it is, and how it is doing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["GpuInfo", "GpuProcess", "GpuSample", "Vendor"]

Vendor = Literal["nvidia", "amd", "listed"]


@dataclass(frozen=True, slots=True)
class GpuInfo:
    """One GPU.

    `index` is the driver's, whatever variables say; `memory_bytes` is all it has. `vendor` is `listed` for
    one that exists on paper only (tests). `instance` is the number of a MIG instance, which is leased as a
    GPU is, on the GPU `index`. `numa` is the node of the host's memory that it is nearest to. What follows
    is what a measurement depends on, None where the driver does not say.
    """

    index: int
    name: str
    uuid: str
    memory_bytes: int
    vendor: Vendor = "nvidia"
    pci: str | None = None
    numa: int | None = None
    instance: int | None = None
    power_limit_w: float | None = None
    clock_limit_mhz: int | None = None
    """What its processors' clock was limited to (`nvidia-smi -ac`)."""
    ecc: bool | None = None
    mig: bool | None = None
    pcie: str | None = None
    """Generation and width of its link: `gen5 x16`."""

    @property
    def label(self) -> str:
        """What it is called: `0`, or `0:1` for a MIG instance."""
        return str(self.index) if self.instance is None else f"{self.index}:{self.instance}"


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that uses a GPU, and how much of its memory (bytes), if the driver tells."""

    pid: int
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class GpuSample:
    """How a GPU is doing at one moment; None for what the driver does not tell.

    `clock_mhz` of its processors; `throttled` are the reasons why it is slower than it could be (`thermal`,
    `power brake`, ...), none if it is not. `energy_j` counts since the driver was loaded.
    """

    memory_bytes: int | None = None
    utilization: float | None = None
    power_w: float | None = None
    energy_j: float | None = None
    clock_mhz: int | None = None
    temperature_c: int | None = None
    throttled: tuple[str, ...] = ()
