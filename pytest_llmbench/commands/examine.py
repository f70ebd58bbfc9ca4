"""The examinations of `llmbench doctor`: each looks at one thing and starts nothing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_llmbench.client.priority import real_time
from pytest_llmbench.counting import counted
from pytest_llmbench.errors import LLMBenchError
from pytest_llmbench.models.cache import cache_dir
from pytest_llmbench.runtimes.containers.daemon import connect, daemon_shortage, daemon_url
from pytest_llmbench.runtimes.gpus import cuda_version, driver_version, list_gpus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_llmbench.runtimes.containers.daemon import Client

__all__ = ["EXAMINATIONS", "Finding"]

_GIB = 2**30
_TIGHT_GIB = 20


class Finding(NamedTuple):
    """What was found: `no` keeps deployments from running here, `--` only some of them need."""

    word: Literal["ok", "no", "--"]
    subject: str
    found: str
    remedy: str = ""


def _python() -> Iterator[Finding]:
    where = "WSL2" if "microsoft" in platform.release().lower() else platform.system()
    version = importlib.metadata.version("pytest-llmbench")
    yield Finding("ok", "Python", f"{platform.python_version()}, pytest-llmbench {version}, {where}")
    if where == "WSL2":
        yield Finding(
            "--",
            "WSL2",
            "GPUs come from Windows' driver; clocks and memory limits are those of its virtual machine",
            "keep models on the Linux disk, not below /mnt; `memory` in .wslconfig bounds servers",
        )


def _embedded() -> Iterator[Finding]:
    if importlib.util.find_spec("xllamacpp") is None:
        yield Finding("--", "embedded", "no xllamacpp", "pip install 'pytest-llmbench[embedded]'")
        return
    version = importlib.metadata.version("xllamacpp")
    yield Finding("ok", "embedded", f"llama.cpp by xllamacpp {version}: `pytest -m bench -k tiny` runs here")


def _docker() -> Iterator[Finding]:
    shortage = daemon_shortage()
    if shortage is None:
        try:
            client = connect()
        except LLMBenchError as error:
            shortage = str(error)
    if shortage is not None:
        remedy = "" if "pip install" in shortage else _docker_remedy()
        yield Finding("--", "Docker", shortage, remedy)
        return
    info = client.info()
    version, root = info.get("ServerVersion"), str(info.get("DockerRootDir"))
    yield Finding("ok", "Docker", f"{version} at {daemon_url()}, {info.get('OperatingSystem')}")
    yield from _nvidia_runtime(client)
    if Path(root).exists():
        yield _disk("Docker's disk", Path(root), "docker system df; llmbench clean --caches --images")


def _docker_remedy() -> str:
    socket = Path(daemon_url().removeprefix("unix://"))
    if socket.exists() and not os.access(socket, os.R_OK | os.W_OK):
        return "no permission: sudo usermod -aG docker $USER, then log in again"
    if shutil.which("dockerd") or shutil.which("docker"):
        return "start it: sudo systemctl start docker"
    return "install it: https://docs.docker.com/engine/install; not needed for embedded and external servers"


def _nvidia_runtime(client: Client) -> Iterator[Finding]:
    info = client.info()
    devices = [str(one.get("ID", "")) for one in info.get("DiscoveredDevices") or ()]
    has = "nvidia" in (info.get("Runtimes") or {}) or any("nvidia" in one for one in devices)
    if has:
        yield Finding("ok", "NVIDIA runtime", "containers can have GPUs")
    elif list_gpus():
        yield Finding(
            "no",
            "NVIDIA runtime",
            "there are GPUs, and Docker cannot hand them over",
            "install nvidia-container-toolkit; sudo nvidia-ctk runtime configure --runtime=docker; "
            "restart Docker",
        )


def _gpus() -> Iterator[Finding]:
    gpus = list_gpus()
    for gpu in gpus:
        found = f"{gpu.name}, {gpu.memory_bytes / _GIB:.0f} GiB, {gpu.uuid}"
        yield Finding("ok", f"GPU {gpu.label}", found)
    if gpus:
        yield Finding("ok", "driver", f"{driver_version()}, CUDA up to {cuda_version()}")
    elif Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi"):
        remedy = (
            "pip install 'pytest-llmbench[nvidia]'"
            if importlib.util.find_spec("pynvml") is None
            else "nvidia-smi says what is wrong with the driver; CUDA_VISIBLE_DEVICES may hide GPUs"
        )
        yield Finding("no", "GPUs", "an NVIDIA driver, but no GPU that can be seen", remedy)
    elif Path("/dev/kfd").exists():
        yield Finding("--", "GPUs", "AMD, by /dev/kfd", "name a ROCm image: --bench-image")
    else:
        yield Finding("--", "GPUs", "none: deployments that need one are skipped")


def _disks() -> Iterator[Finding]:
    yield _disk("cache", cache_dir(), "LLMBENCH_CACHE_DIR names another place")
    hub = os.environ.get("HF_HOME") or "~/.cache/huggingface"
    yield _disk("hub's cache", Path(hub).expanduser(), "HF_HOME names another place")


def _disk(subject: str, path: Path, remedy: str) -> Finding:
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    free = shutil.disk_usage(there).free / _GIB
    tight = free < _TIGHT_GIB
    return Finding(
        "--" if tight else "ok", subject, f"{free:.0f} GiB free at {path}", remedy if tight else ""
    )


def _hub() -> Iterator[Finding]:
    if importlib.util.find_spec("huggingface_hub") is None:
        yield Finding("--", "hub", "no huggingface_hub", "pip install 'pytest-llmbench[hub]' to fetch models")
        return
    from huggingface_hub import get_token  # noqa: PLC0415 - slow to import, and an extra

    if get_token():
        yield Finding("ok", "hub", "logged in")
    else:
        yield Finding("--", "hub", "not logged in", "gated models need `hf auth login`, or HF_TOKEN")


def _client() -> Iterator[Finding]:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = counted(count, "core")
    clock = "kernel time stamps" if sys.platform == "linux" else "user-space clock"
    with real_time() as granted:
        pass
    if granted:
        yield Finding("ok", "client", f"{cores}, {clock}, real-time priority")
    else:
        remedy = "let it: ulimit -r 1 (rtprio in /etc/security/limits.conf); it measures without, less surely"
        yield Finding("--", "client", f"{cores}, {clock}, no real-time priority", remedy)


EXAMINATIONS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _python,
    _embedded,
    _docker,
    _gpus,
    _disks,
    _hub,
    _client,
)
