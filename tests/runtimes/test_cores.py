"""Which cores a server gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.runtimes import cores
from pytest_llmbench.runtimes.cores import server_cores
from pytest_llmbench.telemetry.gpu import GpuInfo

if TYPE_CHECKING:
    import pytest


def test_cores_near_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of its GPUs' nodes, without the last ones, which are the client's; few cores are not divided."""
    monkeypatch.setattr(cores, "cores_of_node", lambda node: tuple(range(node * 8, node * 8 + 8)))
    first, second = (GpuInfo(node, "H100", f"GPU-{node}", 1, numa=node) for node in (0, 1))
    nowhere = GpuInfo(2, "H100", "GPU-2", 1)
    assert server_cores((), range(4)) == ()
    assert server_cores((), range(8)) == (0, 1, 2, 3, 4, 5)
    assert server_cores((first,), range(16)) == tuple(range(8))
    assert server_cores((second,), range(16)) == tuple(range(8, 14))
    assert server_cores((first, second), range(16)) == tuple(range(14))
    assert server_cores((nowhere,), range(16)) == tuple(range(14))
    assert server_cores((second,), range(9)) == tuple(range(7))  # a container with one core of that node
