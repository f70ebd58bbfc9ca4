"""NVIDIA's driver, in place of which a fake answers: no test may depend on a GPU."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING

from pytest_llmbench.telemetry.gpu import GpuInfo, GpuProcess, GpuSample
from pytest_llmbench.telemetry.nvml import Nvml

if TYPE_CHECKING:
    import pytest


class FakeNVMLError(Exception):
    """What the fake raises."""


def nvml(monkeypatch: pytest.MonkeyPatch, count: int) -> types.SimpleNamespace:
    """Put an NVML with some GPUs in place of the real one; it does not know power limits."""

    def fail(*_args: object) -> None:
        raise FakeNVMLError

    process = types.SimpleNamespace(pid=17, usedGpuMemory=None)
    fake = types.SimpleNamespace(
        NVMLError=FakeNVMLError,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: count,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetHandleByUUID=lambda uuid: int(uuid[-4:]),
        nvmlDeviceGetName=lambda _handle: "NVIDIA H200",
        nvmlDeviceGetUUID=lambda handle: f"GPU-{handle:04d}",
        nvmlDeviceGetMemoryInfo=lambda _handle: types.SimpleNamespace(total=140 * 2**30, used=2**30),
        nvmlSystemGetDriverVersion=lambda: "570.86.15",
        nvmlSystemGetCudaDriverVersion_v2=lambda: 12080,
        nvmlDeviceGetEnforcedPowerLimit=fail,
        nvmlDeviceGetPciInfo=lambda handle: types.SimpleNamespace(busId=f"00000000:{handle:02d}:00.0"),
        nvmlDeviceGetMaxPcieLinkGeneration=lambda _handle: 5,
        nvmlDeviceGetMaxPcieLinkWidth=lambda _handle: 16,
        nvmlDeviceGetMigMode=lambda _handle: [0, 0],
        nvmlDeviceGetComputeRunningProcesses=lambda _handle: [process],
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda _handle: 0x1 | 0x4 | 0x40,
        nvmlDeviceGetTotalEnergyConsumption=lambda _handle: 5000,
        nvmlDeviceGetUtilizationRates=lambda _handle: types.SimpleNamespace(gpu=93),
        nvmlDeviceGetPowerUsage=lambda _handle: 350500,
        nvmlDeviceGetClockInfo=lambda _handle, _kind: 1980,
        nvmlDeviceGetTemperature=lambda _handle, _sensor: 61,
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    return fake


def test_gpus_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all the driver tells of them; versions read as people write them."""
    nvml(monkeypatch, 2)
    assert Nvml().gpus()[1] == GpuInfo(
        1, "NVIDIA H200", "GPU-0001", 140 * 2**30,
        pci="00000000:01:00.0", numa=None, power_limit_w=None, mig=False, pcie="gen5 x16",
    )  # fmt: skip
    assert Nvml().versions() == ("570.86.15", "12.8")


def test_how_it_is_doing(monkeypatch: pytest.MonkeyPatch) -> None:
    """In our units; being idle is no throttling."""
    nvml(monkeypatch, 1)
    (gpu,) = Nvml().gpus()
    assert Nvml().sample(gpu) == GpuSample(
        memory_bytes=2**30, utilization=0.93, power_w=350.5, energy_j=5.0, clock_mhz=1980, temperature_c=61,
        throttled=("power cap", "hardware thermal"),
    )  # fmt: skip
    assert Nvml().memory_used(gpu) == 2**30
    assert Nvml().processes(gpu) == (GpuProcess(17, None),)


def test_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package there are no GPUs, no versions and no answers."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    gpu = GpuInfo(0, "x", "GPU-0", 1)
    assert Nvml().gpus() == ()
    assert Nvml().versions() == (None, None)
    assert Nvml().memory_used(gpu) is None
    assert Nvml().processes(gpu) == ()
    assert Nvml().sample(gpu) == GpuSample()


def test_driver_that_fails_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that breaks while it is asked leaves nothing, and raises nothing."""

    def fail(*_args: object) -> None:
        raise FakeNVMLError

    fake = nvml(monkeypatch, 1)
    (gpu,) = Nvml().gpus()
    fake.nvmlDeviceGetName = fake.nvmlSystemGetDriverVersion = fake.nvmlDeviceGetHandleByUUID = fail
    assert Nvml().gpus() == ()
    assert Nvml().versions() == (None, "12.8")
    assert Nvml().sample(gpu) == GpuSample()
