"""NVIDIA's driver, in place of which a fake answers: no test may depend on a GPU."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING

from pytest_llmbench.telemetry.gpu import GpuInfo, GpuProcess, GpuSample
from pytest_llmbench.telemetry.inventory import links
from pytest_llmbench.telemetry.nvml import Nvml

if TYPE_CHECKING:
    from collections.abc import Callable

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
        nvmlDeviceGetDeviceHandleFromMigDeviceHandle=fail,
        nvmlDeviceGetApplicationsClock=lambda _handle, _kind: 1755,
        nvmlDeviceGetEccMode=lambda _handle: [1, 1],
        nvmlDeviceGetP2PStatus=lambda first, second, _kind: 0 if first + second == 1 else 5,
        nvmlDeviceGetTopologyCommonAncestor=lambda first, _second: (10, 40, 77)[first],
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
        pci="00000000:01:00.0", numa=None, power_limit_w=None, clock_limit_mhz=1755, ecc=True, mig=False,
        pcie="gen5 x16",
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


def test_what_links_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """NVLink where there is one, else what lies between them; a level that is not known is not told."""
    nvml(monkeypatch, 4)
    gpus = Nvml().gpus()
    assert Nvml().link(gpus[0], gpus[1]) == "NVLink"
    assert Nvml().link(gpus[0], gpus[2]) == "PIX"
    assert Nvml().link(gpus[2], gpus[3]) is None
    assert links(Nvml(), gpus[:3]) == ("NODE", "NVLink", "PIX")
    assert links(Nvml(), gpus[:1]) == ()


def test_mig_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand for a GPU that is divided: memory is their own, clocks are the whole GPU's, power nobody's."""
    fake = nvml(monkeypatch, 2)
    whole = {7: 1, 8: 1}

    def instance(handle: int, number: int) -> int:
        if (handle, number) not in {(1, 0), (1, 2)}:
            raise FakeNVMLError
        return 7 + number // 2

    def of_the_whole(value: object) -> Callable[..., object]:
        def ask(handle: int, *_more: object) -> object:
            if handle in whole:
                raise FakeNVMLError
            return value

        return ask

    def parent(handle: int) -> int:
        if handle not in whole:
            raise FakeNVMLError
        return whole[handle]

    fake.nvmlDeviceGetMigMode = lambda handle: [int(handle == 1)] * 2
    fake.nvmlDeviceGetMaxMigDeviceCount = lambda _handle: 4
    fake.nvmlDeviceGetMigDeviceHandleByIndex = instance
    fake.nvmlDeviceGetDeviceHandleFromMigDeviceHandle = parent
    fake.nvmlDeviceGetName = lambda handle: "H200 MIG 1g.18gb" if handle in whole else "H200"
    fake.nvmlDeviceGetUUID = lambda handle: f"MIG-{handle:04d}" if handle in whole else f"GPU-{handle:04d}"
    fake.nvmlDeviceGetMemoryInfo = lambda handle: types.SimpleNamespace(
        total=(18 if handle in whole else 140) * 2**30, used=2**30
    )
    for name, value in (("ClockInfo", 1980), ("Temperature", 61), ("PowerUsage", 350500)):
        setattr(fake, f"nvmlDeviceGet{name}", of_the_whole(value))
    fake.nvmlDeviceGetTotalEnergyConsumption = of_the_whole(5000)
    fake.nvmlDeviceGetUtilizationRates = of_the_whole(None)
    undivided, first, second = Nvml().gpus()
    assert [gpu.label for gpu in (undivided, first, second)] == ["0", "1:0", "1:2"]
    assert (second.name, second.uuid, second.memory_bytes) == ("H200 MIG 1g.18gb", "MIG-0008", 18 * 2**30)
    assert (second.mig, second.pci) == (True, "00000000:01:00.0")
    sample = Nvml().sample(second)
    assert (sample.clock_mhz, sample.temperature_c, sample.memory_bytes) == (1980, 61, 2**30)
    assert (sample.power_w, sample.energy_j, sample.utilization) == (None, None, None)


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
