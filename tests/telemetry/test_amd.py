"""AMD's driver, in place of which a fake answers."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from typing import TYPE_CHECKING

from pytest_llmbench.telemetry.amd import Amd
from pytest_llmbench.telemetry.gpu import GpuInfo, GpuProcess, GpuSample

if TYPE_CHECKING:
    import pytest


class AmdSmiError(Exception):
    """What the fake raises."""


def amdsmi(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Put a library with two GPUs in place of the real one."""
    fake = types.ModuleType("amdsmi")
    fake.__spec__ = importlib.machinery.ModuleSpec("amdsmi", None)
    fake.__dict__.update(
        AmdSmiException=AmdSmiError,
        amdsmi_init=lambda: None,
        amdsmi_shut_down=lambda: None,
        amdsmi_get_processor_handles=lambda: ["a", "b"],
        amdsmi_get_gpu_device_bdf=lambda handle: f"0000:0{handle}:00.0",
        amdsmi_get_gpu_device_uuid=lambda handle: f"uuid-{handle}",
        amdsmi_get_gpu_asic_info=lambda _handle: {"market_name": "AMD Instinct MI300X"},
        amdsmi_get_gpu_vram_usage=lambda _handle: {"vram_total": 196592, "vram_used": 300},
        amdsmi_get_gpu_driver_info=lambda _handle: {"driver_version": "6.10.5"},
        amdsmi_get_gpu_process_list=lambda _handle: [{"pid": 7, "mem": 1024}],
        amdsmi_get_power_info=lambda _handle: {"current_socket_power": "N/A", "average_socket_power": 140},
        amdsmi_get_energy_count=lambda _handle: {"energy_accumulator": 1000, "counter_resolution": 15.3},
        amdsmi_get_gpu_activity=lambda _handle: {"gfx_activity": 50},
    )
    monkeypatch.setitem(sys.modules, "amdsmi", fake)
    return fake


def test_gpus_and_how_they_are_doing(monkeypatch: pytest.MonkeyPatch) -> None:
    """In our units, as far as the driver tells."""
    amdsmi(monkeypatch)
    _, gpu = Amd().gpus()
    assert gpu == GpuInfo(
        1, "AMD Instinct MI300X", "uuid-b", 196592 * 2**20, "amd", pci="0000:0b:00.0"
    )  # fmt: skip
    assert Amd().sample(gpu) == GpuSample(
        memory_bytes=300 * 2**20, utilization=0.5, power_w=140, energy_j=0.0153
    )
    assert Amd().memory_used(gpu) == 300 * 2**20
    assert Amd().processes(gpu) == (GpuProcess(7, 1024),)
    assert Amd().versions() == ("6.10.5", None)


def test_absent_or_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """No library, or one that fails: no GPUs, and nothing is raised."""
    assert Amd().gpus() == ()
    fake = amdsmi(monkeypatch)

    def fail(*_args: object) -> None:
        raise AmdSmiError

    fake.__dict__["amdsmi_get_gpu_asic_info"] = fail
    assert Amd().gpus() == ()
    fake.__dict__["amdsmi_init"] = fail
    assert Amd().versions() == (None, None)
