"""Which cores a server runs on: those near its GPUs, and not those of the client that measures it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_llmbench.telemetry.numa import cores_of_node

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmbench.telemetry.gpu import GpuInfo

__all__ = ["server_cores"]

_ENOUGH = 8
_CLIENT_PART = 8
_LEAST = 2


def server_cores(gpus: Sequence[GpuInfo], permitted: Iterable[int] | None = None) -> tuple[int, ...]:
    """Return the cores to pin a server to; none where the machine has fewer than eight.

    The last eighth (two at least) is left to the client, which takes cores from the end. Where GPUs are
    leased and their nodes known, the server gets the cores of those nodes only.
    """
    if permitted is None:
        permitted = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    cores = sorted(permitted)
    if len(cores) < _ENOUGH:
        return ()
    left = cores[: -max(_LEAST, len(cores) // _CLIENT_PART)]
    near = {core for gpu in gpus if gpu.numa is not None for core in cores_of_node(gpu.numa)}
    chosen = [core for core in left if core in near]
    # A node that a container gives us little of is worse than being far away.
    return tuple(chosen if len(chosen) >= _LEAST * max(1, len(gpus)) else left)
