"""Which GPUs this process may use: the variables that others set around it are its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_llmbench.telemetry.gpu import GpuInfo

__all__ = ["chosen", "visibility", "visible"]


def visible(gpus: Sequence[GpuInfo], environ: Mapping[str, str]) -> tuple[GpuInfo, ...]:
    """Return the GPUs that `CUDA_VISIBLE_DEVICES` leaves, or `ROCR_` and `HIP_VISIBLE_DEVICES`.

    In a container that sees all of the host's, `NVIDIA_VISIBLE_DEVICES` says which were given to it; where
    the driver shows no more than those, their numbers are not the host's, and it is left at that.
    """
    left = list(gpus)
    given = environ.get("NVIDIA_VISIBLE_DEVICES")
    if given in {"none", "void"}:
        left = [gpu for gpu in left if gpu.vendor == "amd"]
    elif given and given != "all" and len(given.split(",")) < len(left):
        left = _named(left, given)
    amd = any(gpu.vendor == "amd" for gpu in left)
    for name in ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES") if amd else ("CUDA_VISIBLE_DEVICES",):
        if name in environ:
            # The second counts among those that the first leaves.
            numbers = range(len(left)) if name.startswith("HIP") else [gpu.index for gpu in left]
            left = _named(left, environ[name], numbers)
    return tuple(left)


def visibility(gpus: Iterable[GpuInfo]) -> dict[str, str]:
    """Return the variables that limit a process to these GPUs; none says nothing about GPUs on paper."""
    found = list(gpus)
    if not found:
        return {}
    if found[0].vendor == "amd":
        return {"ROCR_VISIBLE_DEVICES": ",".join(str(gpu.index) for gpu in found)}
    # Not by index: CUDA counts the fastest first, the driver by PCI address.
    return {"CUDA_VISIBLE_DEVICES": ",".join(gpu.uuid for gpu in found)}


def chosen(gpus: Sequence[GpuInfo], names: Iterable[str]) -> tuple[GpuInfo, ...]:
    """Return the GPUs of these indices or (beginnings of) UUIDs, in that order, as far as they are there."""
    found = (_one(gpus, name, [gpu.index for gpu in gpus]) for name in names)
    return tuple(gpu for gpu in found if gpu)


def _named(gpus: Sequence[GpuInfo], text: str, numbers: Sequence[int] | None = None) -> list[GpuInfo]:
    """Return those that a variable lists: indices or beginnings of UUIDs, up to the first that is neither."""
    numbers = [gpu.index for gpu in gpus] if numbers is None else numbers
    found: list[GpuInfo] = []
    for name in text.split(","):
        gpu = _one(gpus, name.strip(), numbers)
        if gpu is None:
            break
        found.append(gpu)
    return found


def _one(gpus: Sequence[GpuInfo], name: str, numbers: Sequence[int]) -> GpuInfo | None:
    return next(
        (
            gpu
            for gpu, number in zip(gpus, numbers, strict=True)
            if name == (str(number) if gpu.instance is None or ":" not in name else gpu.label)
            or (name and gpu.uuid.startswith(name))
        ),
        None,
    )
