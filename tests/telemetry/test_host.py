"""Settings of a host, on made-up ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.telemetry.host import HostState, read_host

if TYPE_CHECKING:
    from pathlib import Path

CPU = "sys/devices/system/cpu"
GROUPS = "sys/fs/cgroup"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, HostState()),
        (
            {
                f"{CPU}/cpu0/cpufreq/scaling_governor": "performance",
                f"{CPU}/cpu1/cpufreq/scaling_governor": "powersave",
                f"{CPU}/intel_pstate/no_turbo": "1",
                f"{CPU}/cpufreq/boost": "1",
                f"{CPU}/smt/active": "0",
                "sys/devices/system/node/node0/cpulist": "0-3",
                "sys/devices/system/node/node1/cpulist": "4-7",
            },
            HostState("performance, powersave", turbo=False, smt=False, numa_nodes=2),
        ),
        ({f"{CPU}/cpufreq/boost": "1", f"{CPU}/smt/active": "1"}, HostState(turbo=True, smt=True)),
        ({f"{GROUPS}/cpu.max": "150000 100000"}, HostState(cpu_limit=1.5)),
        ({f"{GROUPS}/cpu.max": "max 100000"}, HostState()),
        (
            {
                "proc/self/cgroup": "0::/build.slice/job",
                f"{GROUPS}/build.slice/cpu.max": "200000 100000",
                f"{GROUPS}/build.slice/job/cpu.max": "800000 100000",
                f"{GROUPS}/other.slice/cpu.max": "10000 100000",
            },
            HostState(cpu_limit=2),
        ),
        (
            {
                # A container of the first version: it is told the host's path, and sees its own.
                "proc/self/cgroup": "5:cpu,cpuacct:/docker/4711\n4:memory:/docker/4711",
                f"{GROUPS}/cpu/cpu.cfs_quota_us": "50000",
                f"{GROUPS}/cpu/cpu.cfs_period_us": "100000",
            },
            HostState(cpu_limit=0.5),
        ),
        (
            {f"{GROUPS}/cpu/cpu.cfs_quota_us": "-1", f"{GROUPS}/cpu/cpu.cfs_period_us": "100000"},
            HostState(),
        ),
    ],
)
def test_settings(tmp_path: Path, files: dict[str, str], expected: HostState) -> None:
    """Each as the kernel tells it, and None where it does not."""
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")
    assert read_host(tmp_path) == expected


def test_this_host() -> None:
    """Whatever it is, it can be read."""
    assert (read_host().numa_nodes or 1) >= 1
