from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.runtimes import gpus
from pytest_llmbench.runtimes.gpus import GpuInfo, cuda_version, driver_version, gpu_shortage, list_gpus

if TYPE_CHECKING:
    from collections.abc import Iterator


class FakeNVMLError(Exception):
    """What the fake raises."""


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what was asked before and after."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cached = (list_gpus, driver_version, cuda_version)
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


def nvml(monkeypatch: pytest.MonkeyPatch, count: int) -> types.SimpleNamespace:
    """Put an NVML with some GPUs in place of the real one."""
    fake = types.SimpleNamespace(
        NVMLError=FakeNVMLError,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: count,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda _handle: "NVIDIA H200",
        nvmlDeviceGetUUID=lambda handle: f"GPU-{handle:04d}",
        nvmlDeviceGetMemoryInfo=lambda _handle: types.SimpleNamespace(total=140 * 2**30),
        nvmlSystemGetDriverVersion=lambda: "570.86.15",
        nvmlSystemGetCudaDriverVersion_v2=lambda: 12080,
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    return fake


def test_gpus_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every GPU is listed with name, UUID and memory; versions read as people write them."""
    nvml(monkeypatch, 2)
    assert list_gpus()[1] == GpuInfo(1, "NVIDIA H200", "GPU-0001", 140 * 2**30)
    assert driver_version() == "570.86.15"
    assert cuda_version() == "12.8"
    assert gpu_shortage(2) is None
    assert gpu_shortage(3) == "needs 3 GPUs, found 2"


@pytest.mark.parametrize(
    ("visible", "indices"), [("1", [1]), ("2,0", [2, 0]), ("", []), ("GPU-0002", [2]), ("0,-1,2", [0])]
)
def test_outer_choice_is_respected(monkeypatch: pytest.MonkeyPatch, visible: str, indices: list[int]) -> None:
    """Only GPUs that `CUDA_VISIBLE_DEVICES` leaves are counted, with their real index."""
    nvml(monkeypatch, 3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [gpu.index for gpu in list_gpus()] == indices


def test_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package there are no GPUs and no versions."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert list_gpus() == ()
    assert driver_version() is None
    assert cuda_version() is None
    assert gpu_shortage(0) is None
    assert gpu_shortage(1) == "needs 1 GPU, found 0"


def test_driver_that_fails_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that breaks while it is asked leaves nothing, and raises nothing."""

    def fail(*_args: object) -> None:
        raise FakeNVMLError

    fake = nvml(monkeypatch, 1)
    fake.nvmlDeviceGetName = fake.nvmlSystemGetDriverVersion = fail
    assert list_gpus() == ()
    assert driver_version() is None


def test_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver is asked once in a session."""
    nvml(monkeypatch, 1)
    assert len(list_gpus()) == 1
    monkeypatch.setattr(gpus, "_all_gpus", lambda: pytest.fail("asked again"))
    assert len(list_gpus()) == 1
