"""A container's GPUs, memory, volumes and network, as Docker's API takes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llmbench.errors import UsageError
from pytest_llmbench.runtimes.containers.daemon import sdk
from pytest_llmbench.runtimes.containers.reach import CONTAINER_PORT
from pytest_llmbench.telemetry.visible import visibility

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_llmbench.backends.base import Accelerator, Container
    from pytest_llmbench.runtimes.base import StartContext
    from pytest_llmbench.runtimes.containers.mounts import Mount
    from pytest_llmbench.spec.deployment import Deployment

__all__ = ["CACHE_VOLUMES", "Wiring", "accelerator_of", "cache_volumes", "devices", "limits", "seeing"]

CACHE_VOLUMES = "pytest-llmbench-cache-"
"""What the names of volumes for compile caches begin with."""

_AMD_DEVICES = ("/dev/kfd", "/dev/dri")


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a container is created with.

    `publish` is the host's address and port (0 for any) to reach it by; None where its own will do.
    """

    image: str
    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    mounts: Sequence[Mount]
    publish: tuple[str, int] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """Return what `containers.create` takes."""
        program, *rest = self.command
        arguments: dict[str, Any] = {
            "image": self.image,
            "name": self.name,
            "entrypoint": [program],
            "command": rest,
            "environment": dict(self.environment),
            "labels": dict(self.labels),
            "volumes": [mount.bind for mount in self.mounts],
            # Zombies of an engine's workers are waited for, and signals reach it.
            "init": True,
            "healthcheck": {"test": ["NONE"]},
            **self.extra,
        }
        if self.publish is not None:
            address, port = self.publish
            arguments["ports"] = {f"{CONTAINER_PORT}/tcp": (address, port or None)}
        return arguments


def accelerator_of(context: StartContext) -> Accelerator:
    """Say what an image must compute with, by the GPUs that the server is given."""
    vendors: Mapping[str, Accelerator] = {"nvidia": "cuda", "amd": "rocm"}
    return vendors.get(context.gpus[0].vendor, "cpu") if context.gpus else "cpu"


def devices(context: StartContext) -> dict[str, Any]:
    """Hand over GPUs and cores: these, never so many."""
    arguments: dict[str, Any] = {}
    match accelerator_of(context):
        case "cuda":
            ids = [gpu.uuid for gpu in context.gpus]
            request = sdk().types.DeviceRequest(driver="nvidia", device_ids=ids, capabilities=[["gpu"]])
            arguments["device_requests"] = [request]
        case "rocm":
            arguments["devices"] = [f"{path}:{path}:rwm" for path in _AMD_DEVICES]
            arguments["group_add"] = _groups_of(_AMD_DEVICES)
        case "cpu":
            pass
    if context.cores:
        arguments["cpuset_cpus"] = ",".join(map(str, context.cores))
    return arguments


def seeing(context: StartContext) -> dict[str, str]:
    """Return the variables that show a container the GPUs it was given, and none where it has none.

    NVIDIA's are handed over one by one. Of AMD's a container has all, and is told which to use. Images made
    for GPUs ask for all of them, and get them where NVIDIA's runtime is the default one: `void` forbids it.
    """
    match accelerator_of(context):
        case "rocm":
            return visibility(context.gpus)
        case "cpu":
            return {"NVIDIA_VISIBLE_DEVICES": "void"}
        case _:
            return {}


def _groups_of(devices: Sequence[str]) -> list[str]:
    """Return the groups, by number, that may use devices of this host; an image may not know their names."""
    paths = [path for device in map(Path, devices) for path in (device, *device.glob("*"))]
    return sorted({str(path.stat().st_gid) for path in paths if path.is_char_device()} - {"0"})


def limits(deployment: Deployment, container: Container) -> dict[str, Any]:
    """Take what the deployment says about memory and the like, else what the engine needs."""
    arguments: dict[str, Any] = {}
    shm = deployment.shm_size or container.shm_bytes
    if deployment.ipc:
        arguments["ipc_mode"] = deployment.ipc
    if shm and deployment.ipc != "host":
        arguments["shm_size"] = shm
    if deployment.memory:
        # No swap beyond it: a server that swaps is not measured, it is waited for.
        arguments |= {"mem_limit": deployment.memory, "memswap_limit": deployment.memory}
    if deployment.ulimits:
        arguments["ulimits"] = [_ulimit(name, value) for name, value in deployment.ulimits]
    return arguments


def _ulimit(name: str, value: str) -> object:
    soft, _, hard = value.partition(":")
    try:
        return sdk().types.Ulimit(name=name, soft=int(soft), hard=int(hard or soft))
    except ValueError as error:
        message = f"ulimit {name}: expected a number, or SOFT:HARD, not {value!r}"
        raise UsageError(message) from error


def cache_volumes(container: Container, exact: str) -> dict[str, str]:
    """Name the volumes of an engine's compile caches: one a folder, by the image's digest."""
    short = exact.removeprefix("sha256:")[:16]
    return {f"{CACHE_VOLUMES}{short}-{index}": path for index, path in enumerate(container.caches)}
