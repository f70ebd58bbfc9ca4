"""Cores and devices that are near each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.telemetry.numa import cores_of_node, numa_of_pci, read_cores

if TYPE_CHECKING:
    from pathlib import Path


def test_nodes(tmp_path: Path) -> None:
    """As the kernel tells; nothing where it does not."""
    device = tmp_path / "sys/bus/pci/devices/0000:41:00.0"
    node = tmp_path / "sys/devices/system/node/node1"
    device.mkdir(parents=True)
    node.mkdir(parents=True)
    (device / "numa_node").write_text("1\n")
    (node / "cpulist").write_text("4-6,9\n")
    assert numa_of_pci("00000000:41:00.0", tmp_path) == 1
    assert numa_of_pci("0000:41:00.0", tmp_path) == 1
    assert cores_of_node(1, tmp_path) == (4, 5, 6, 9)
    (device / "numa_node").write_text("-1\n")
    assert numa_of_pci("0000:41:00.0", tmp_path) is None
    assert numa_of_pci("0000:99:00.0", tmp_path) is None
    assert cores_of_node(7, tmp_path) == ()
    assert read_cores("\n") == ()
