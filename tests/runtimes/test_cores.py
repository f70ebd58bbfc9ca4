"""Which cores a server and its client get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.runtimes import cores
from pytest_llmbench.runtimes.cores import Cores, divided
from pytest_llmbench.telemetry.gpu import GpuInfo

if TYPE_CHECKING:
    import pytest


def numbers(first: int, after: int) -> tuple[int, ...]:
    """Return the cores from one up to another."""
    return tuple(range(first, after))


def test_cores_near_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both get cores of the GPUs' nodes and none in common; few cores are not divided."""
    monkeypatch.setattr(cores, "cores_of_node", lambda node: numbers(node * 8, node * 8 + 8))
    first, second = (GpuInfo(node, "H100", f"GPU-{node}", 1, numa=node) for node in (0, 1))
    nowhere = GpuInfo(2, "H100", "GPU-2", 1)
    assert divided((), range(4)) == Cores()
    assert divided((), range(8)) == (numbers(0, 6), (6, 7))
    assert divided((first,), range(16)) == (numbers(0, 6), (6, 7))
    assert divided((second,), range(16)) == (numbers(8, 14), (14, 15))
    assert divided((first, second), range(16)) == (numbers(0, 14), (14, 15))
    assert divided((nowhere,), range(32)) == (numbers(0, 28), numbers(28, 32))
    assert divided((second,), range(9)) == (numbers(0, 7), (7, 8))  # a container with one core of that node
