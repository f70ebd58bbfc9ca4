"""Nodes of a host's memory: which cores are near to which, and to which device."""

from __future__ import annotations

from pathlib import Path

__all__ = ["cores_of_node", "numa_of_pci", "read_cores"]

_ROOT = Path("/")


def numa_of_pci(bus_id: str, root: Path = _ROOT) -> int | None:
    """Return the node of a PCI device (`0000:41:00.0`, or NVML's longer domain); None if it is not told."""
    domain, _, rest = bus_id.lower().partition(":")
    file = root / "sys/bus/pci/devices" / f"{domain[-4:]}:{rest}" / "numa_node"
    try:
        node = int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return node if node >= 0 else None  # -1: the firmware does not say


def cores_of_node(node: int, root: Path = _ROOT) -> tuple[int, ...]:
    """Return the cores of a node; none if there is no such node."""
    try:
        text = (root / f"sys/devices/system/node/node{node}/cpulist").read_text(encoding="ascii")
    except OSError:
        return ()
    return read_cores(text)


def read_cores(text: str) -> tuple[int, ...]:
    """Read the kernel's lists: `0-3,8`."""
    cores: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first:
            cores += range(int(first), int(last or first) + 1)
    return tuple(cores)
