"""The host and the software that measured, from files and the interpreter: nothing here can hang."""

from __future__ import annotations

import os
import platform
import re
import socket
import sys
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.records import EnvironmentRecord
from pytest_llmbench.telemetry.host import read_host

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_llmbench.records import GpuRecord

__all__ = ["PACKAGES", "collect_environment"]

PACKAGES = (
    "pytest",
    "pytest-llmbench",
    "pytest-xdist",
    "xllamacpp",
    "gguf",
    "httptools",
    "httpx",
    "numpy",
    "pydantic",
    "nvidia-ml-py",
)
"""Distributions whose versions are recorded where they are installed."""

_ROOT = Path("/")


def collect_environment(
    labels: Mapping[str, str],
    gpus: Iterable[GpuRecord] = (),
    driver: str | None = None,
    cuda: str | None = None,
) -> EnvironmentRecord:
    """Describe this host.

    Cores are those this process may run on; memory is in bytes, at most the container's limit. GPUs,
    driver and CUDA version come from the caller, who knows whether asking the driver is allowed. What
    cannot be found out is "unknown" or 0; nothing is raised and no process is started.
    """
    system = os.uname()
    return EnvironmentRecord(
        os=_os_name(_ROOT),
        kernel=f"{system.sysname} {system.release} {system.machine}",
        cpu=_cpu_model(_ROOT) or system.machine or "unknown",
        cpu_cores=_cores(),
        memory_bytes=_memory(_ROOT),
        gpus=tuple(gpus),
        driver=driver,
        cuda=cuda,
        virtualization=_virtualization(_ROOT),
        **asdict(read_host(_ROOT)),
        hostname=socket.gethostname() or "unknown",
        versions=_versions(),
        label=dict(labels),
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _os_name(root: Path) -> str:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}".strip()
    for name in ("etc/os-release", "usr/lib/os-release"):
        found = re.search(r'^PRETTY_NAME="?([^"\n]+)"?$', _read(root / name), re.MULTILINE)
        if found:
            return found[1]
    return os.uname().sysname


def _cpu_model(root: Path) -> str:
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string")
    text = _read(root / "proc/cpuinfo")
    # x86 says "model name", some ARM "Model", some POWER "cpu"; most ARM servers say nothing.
    for key in ("model name", "Model", "Hardware", "cpu"):
        found = re.search(rf"^{key}\s*:\s*(\S.*)$", text, re.MULTILINE)
        if found:
            return " ".join(found[1].split())
    part = re.search(r"^CPU part\s*:\s*(\S+)$", text, re.MULTILINE)
    maker = re.search(r"^CPU implementer\s*:\s*(\S+)$", text, re.MULTILINE)
    return f"{os.uname().machine} implementer {maker[1]} part {part[1]}" if part and maker else ""


def _sysctl(name: str) -> str:
    # Not through `sysctl`: a process can hang. ctypes is imported here because only macOS needs it.
    import ctypes  # noqa: PLC0415

    try:
        libc = ctypes.CDLL(None)
        size = ctypes.c_size_t(256)
        buffer = ctypes.create_string_buffer(size.value)
        if libc.sysctlbyname(name.encode(), buffer, ctypes.byref(size), None, 0) == 0:
            return buffer.value.decode("utf-8", "replace")
    except (OSError, AttributeError):
        pass
    return ""


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS has no affinity
        return os.cpu_count() or 1


def _memory(root: Path) -> int:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        total = 0
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        limit = _read(root / "sys/fs/cgroup" / name).strip()
        if limit.isdigit() and 0 < int(limit) < total:
            return int(limit)
    return max(total, 0)


def _virtualization(root: Path) -> str | None:
    """Say what lies between this process and the metal, outermost first; None when nothing shows."""
    parts = [_hypervisor(root), _container(root)]
    return ", ".join(part for part in parts if part) or None


def _hypervisor(root: Path) -> str:
    if sys.platform == "darwin":
        return "hypervisor" if _sysctl("kern.hv_vmm_present") == "\x01" else ""
    dmi = root / "sys/class/dmi/id"
    maker = " ".join(text for name in ("sys_vendor", "product_name") if (text := _read(dmi / name).strip()))
    kind = _read(root / "sys/hypervisor/type").strip()
    flags = re.search(r"^flags\s*:.*\bhypervisor\b", _read(root / "proc/cpuinfo"), re.MULTILINE)
    if not flags and not kind:
        return ""
    return f"hypervisor ({kind or maker})" if kind or maker else "hypervisor"


def _container(root: Path) -> str:
    if (root / ".dockerenv").exists():
        return "container (docker)"
    if (root / "run/.containerenv").exists():
        return "container (podman)"
    found = re.search(r"(kubepods|docker|containerd|libpod|lxc)", _read(root / "proc/1/cgroup"))
    return f"container ({found[1]})" if found else ""


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
