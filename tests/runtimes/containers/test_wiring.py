"""What containers are created with, without a daemon; tests/docker holds it to real ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_llmbench.backends.base import Container
from pytest_llmbench.errors import UsageError
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.containers.mounts import Mount
from pytest_llmbench.runtimes.containers.wiring import (
    Wiring,
    accelerator_of,
    cache_volumes,
    devices,
    limits,
    seeing,
)
from pytest_llmbench.runtimes.gpus import GpuInfo
from tests.runtimes.conftest import deployment

GPUS = tuple(GpuInfo(index, "H100", f"GPU-{index}", 80) for index in (2, 5))
LOG = Path("x.log")


def test_gpus_are_handed_over_by_id() -> None:
    """Those that were leased, never a number of them, and cores as they were given."""
    arguments = devices(StartContext(LOG, gpus=GPUS, cores=(0, 3)))
    (request,) = arguments["device_requests"]
    assert request["DeviceIDs"] == ["GPU-2", "GPU-5"]
    assert request["Count"] in (0, None)
    assert request["Capabilities"] == [["gpu"]]
    assert arguments["cpuset_cpus"] == "0,3"
    assert accelerator_of(StartContext(LOG, gpus=GPUS)) == "cuda"


def test_without_gpus_there_are_no_devices() -> None:
    """The image is one for the CPU, and where NVIDIA's runtime is the default it must not see all GPUs."""
    assert devices(StartContext(LOG)) == {}
    assert accelerator_of(StartContext(LOG)) == "cpu"
    assert seeing(StartContext(LOG)) == {"NVIDIA_VISIBLE_DEVICES": "void"}


def test_a_vendors_variables_are_its_own() -> None:
    """NVIDIA's are handed over, so nothing is left to say; AMD's are all there, and named by their number."""
    amd = tuple(replace(gpu, vendor="amd") for gpu in GPUS)
    assert seeing(StartContext(LOG, gpus=GPUS)) == {}
    assert seeing(StartContext(LOG, gpus=amd)) == {"ROCR_VISIBLE_DEVICES": "2,5"}
    whole = [f"{path}:{path}:rwm" for path in ("/dev/kfd", "/dev/dri")]
    assert devices(StartContext(LOG, gpus=amd))["devices"] == whole


def test_limits_are_the_deployments_then_the_engines() -> None:
    """Shared memory, the memory of the host, no swap beyond it, limits of processes."""
    engine = Container(("x",), shm_bytes=2**30)
    assert limits(deployment(), engine) == {"shm_size": 2**30}
    said = deployment(shm_size="2g", memory="8g", ulimits=(("memlock", "-1"), ("nofile", "10:20")))
    arguments = limits(said, engine)
    assert arguments["shm_size"] == "2g"
    assert arguments["mem_limit"] == arguments["memswap_limit"] == "8g"
    assert [(one.name, one.soft, one.hard) for one in arguments["ulimits"]] == [
        ("memlock", -1, -1),
        ("nofile", 10, 20),
    ]
    assert limits(deployment(ipc="host"), engine) == {"ipc_mode": "host"}
    with pytest.raises(UsageError, match="expected a number, or SOFT:HARD, not 'much'"):
        limits(deployment(ulimits=(("nofile", "much"),)), engine)


def test_caches_are_kept_by_digest() -> None:
    """One volume a folder, another for another image."""
    engine = Container(("x",), caches=("/root/.cache/a", "/root/.cache/b"))
    volumes = cache_volumes(engine, "sha256:0123456789abcdef0123")
    assert list(volumes.values()) == ["/root/.cache/a", "/root/.cache/b"]
    assert all("0123456789abcdef" in name for name in volumes)
    assert not set(volumes) & set(cache_volumes(engine, "sha256:fedcba9876543210"))


def test_a_port_is_published_only_where_asked() -> None:
    """A container is reached by its own address otherwise."""
    wiring = Wiring("i", "n", ["serve", "--x"], {}, {}, [Mount("/a", "/b")])
    arguments = wiring.arguments()
    assert "ports" not in arguments
    assert (arguments["entrypoint"], arguments["command"]) == (["serve"], ["--x"])
    assert arguments["volumes"] == ["/a:/b:ro"]
    published = Wiring("i", "n", ["serve"], {}, {}, [], publish=("127.0.0.1", 0))
    assert published.arguments()["ports"] == {"8000/tcp": ("127.0.0.1", None)}
