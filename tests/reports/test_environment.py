"""The description of the host, on this one and on made-up ones."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.records import GpuRecord
from pytest_llmbench.reports import environment as module
from pytest_llmbench.reports.environment import collect_environment

if TYPE_CHECKING:
    from pathlib import Path

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and /sys")


def host(root: Path, files: dict[str, str]) -> Path:
    """Lay out the files a made-up kernel shows."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_this_host_is_described() -> None:
    """Nothing is empty, and what the caller gave is there."""
    gpu = GpuRecord(index=0, name="NVIDIA H200", uuid="GPU-1", memory_bytes=1)
    found = collect_environment({"run": "1"}, [gpu], driver="570", cuda="12.8")
    assert found.os
    assert found.cpu
    assert found.cpu_cores >= 1
    assert found.memory_bytes > 1 << 20
    assert found.versions["python"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}")
    assert {"pytest", "httptools", "pydantic"} <= set(found.versions)
    assert (found.gpus, found.driver, found.cuda, found.label) == ((gpu,), "570", "12.8", {"run": "1"})


@linux
def test_cores_are_those_this_process_may_use() -> None:
    """A process pinned to one core has one, whatever the machine has."""
    core = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, {{{core}}});"
        "from pytest_llmbench.reports.environment import collect_environment as c; print(c({}).cpu_cores)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "1"


def test_no_process_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hanging helper must not be able to hang a session."""

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(os, "system", refuse)
    collect_environment({})


@linux
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"proc/cpuinfo": "flags\t: fpu hypervisor sse\n"}, "hypervisor"),
        (
            {
                "proc/cpuinfo": "flags\t: fpu hypervisor\n",
                "sys/class/dmi/id/sys_vendor": "QEMU\n",
                "sys/class/dmi/id/product_name": "Standard PC\n",
                ".dockerenv": "",
            },
            "hypervisor (QEMU Standard PC), container (docker)",
        ),
        ({"sys/hypervisor/type": "xen\n"}, "hypervisor (xen)"),
        ({"sys/class/dmi/id/sys_vendor": "Dell Inc.\n"}, None),
        ({"run/.containerenv": ""}, "container (podman)"),
        ({"proc/1/cgroup": "0::/kubepods/burstable\n"}, "container (kubepods)"),
    ],
)
def test_what_lies_between_process_and_metal(
    tmp_path: Path, files: dict[str, str], expected: str | None
) -> None:
    """Hypervisor and container each show; bare metal shows nothing."""
    assert module._virtualization(host(tmp_path, files)) == expected


@linux
@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("processor\t: 0\nmodel name\t: AMD  EPYC 9654\nmodel name\t: x\n", "AMD EPYC 9654"),
        ("Model\t: Raspberry Pi 5\n", "Raspberry Pi 5"),
        ("CPU implementer\t: 0x41\nCPU part\t: 0xd4f\n", f"{os.uname().machine} implementer 0x41 part 0xd4f"),
        ("", ""),
    ],
)
def test_the_model_of_the_cpu(tmp_path: Path, cpuinfo: str, expected: str) -> None:
    """Architectures name their CPUs in different places, some not at all."""
    assert module._cpu_model(host(tmp_path, {"proc/cpuinfo": cpuinfo})) == expected


@linux
def test_a_containers_memory_limit_counts(tmp_path: Path) -> None:
    """What the container may use matters, unless it is unlimited."""
    everything = module._memory(tmp_path)
    assert module._memory(host(tmp_path, {"sys/fs/cgroup/memory.max": "1048576\n"})) == 1 << 20
    assert module._memory(host(tmp_path, {"sys/fs/cgroup/memory.max": "max\n"})) == everything


@linux
def test_the_name_of_the_system(tmp_path: Path) -> None:
    """The distribution's own name, quoted or not; else the kernel's."""
    assert module._os_name(tmp_path) == os.uname().sysname
    text = 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12"\n'
    assert module._os_name(host(tmp_path, {"etc/os-release": text})) == "Debian GNU/Linux 12"
