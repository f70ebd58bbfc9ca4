"""Which source of GPUs is believed."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.runtimes.gpus import cuda_version, driver_version, gpu_shortage, list_gpus
from pytest_llmbench.telemetry.gpu import GpuInfo, GpuProcess, GpuSample
from pytest_llmbench.telemetry.inventory import host_inventory
from pytest_llmbench.telemetry.listed import Listed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CACHED = (host_inventory, list_gpus, driver_version, cuda_version)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what was asked, before and after."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for function in CACHED:
        function.cache_clear()
    yield
    for function in CACHED:
        function.cache_clear()


def test_gpus_on_paper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that a variable names stands for the driver, and outer limits hold for it, too."""
    one = {"name": "H100", "memory": 80, "used": 7, "pids": [3], "numa": 1, "sample": {"power_w": 300.0}}
    path = tmp_path / "gpus.json"
    path.write_text(json.dumps([{"index": index, "uuid": f"GPU-{index}", **one} for index in range(3)]))
    monkeypatch.setenv("LLMBENCH_GPU_INVENTORY", str(path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,1")
    assert list_gpus()[0] == GpuInfo(2, "H100", "GPU-2", 80, "listed", numa=1)
    assert gpu_shortage(2) is None
    assert gpu_shortage(3) == "needs 3 GPUs, found 2"
    assert (driver_version(), cuda_version()) == (None, None)
    inventory, gpu = host_inventory(), list_gpus()[0]
    assert inventory.memory_used(gpu) == 7
    assert inventory.processes(gpu) == (GpuProcess(3),)
    assert inventory.sample(gpu) == GpuSample(power_w=300.0)
    assert Listed(tmp_path / "no such file").gpus() == ()


def test_nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a driver there are no GPUs, and nothing is raised."""
    monkeypatch.delenv("LLMBENCH_GPU_INVENTORY", raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert list_gpus() == ()
    assert gpu_shortage(0) is None
    assert gpu_shortage(1) == "needs 1 GPU, found 0"
