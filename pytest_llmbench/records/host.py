"""The machine and the software that measured."""

from __future__ import annotations

from pytest_llmbench.records.base import Record

__all__ = ["PROTOCOL_VERSION", "EnvironmentRecord", "GpuRecord"]

PROTOCOL_VERSION = 1
"""How we measure. Raised when the same server would get other numbers; then old baselines do not fit."""


class GpuRecord(Record):
    """One GPU of the host."""

    index: int
    instance: int | None = None
    """Of a MIG instance, its number on the GPU `index`."""
    name: str
    uuid: str
    memory_bytes: int
    power_limit_w: float | None = None
    clock_limit_mhz: int | None = None
    ecc: bool | None = None
    mig: bool | None = None
    pcie: str | None = None
    """Generation and width of its link: `gen5 x16`."""
    numa: int | None = None
    """The node of the host's memory it is nearest to."""

    @property
    def label(self) -> str:
        """As facts name it: `0`, or `0:1` for a MIG instance."""
        return str(self.index) if self.instance is None else f"{self.index}:{self.instance}"


class EnvironmentRecord(Record):
    """The host and the software that measured."""

    os: str
    kernel: str
    cpu: str
    cpu_cores: int
    memory_bytes: int
    gpus: tuple[GpuRecord, ...] = ()
    driver: str | None = None
    cuda: str | None = None
    virtualization: str | None = None
    governor: str | None = None
    """How the kernel chooses the cores' clocks: `performance`; null where it does not."""
    turbo: bool | None = None
    smt: bool | None = None
    numa_nodes: int | None = None
    cpu_limit: float | None = None
    """How many cores' time a container or a group may use; null for all of what is seen."""
    hostname: str
    versions: dict[str, str]
    label: dict[str, str] = {}
    protocol: int = PROTOCOL_VERSION
