"""Which cores a server and the client that measures it run on: apart, and both near the server's GPUs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmbench.telemetry.numa import cores_of_node

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmbench.telemetry.gpu import GpuInfo

__all__ = ["Cores", "divided"]

_ENOUGH = 8
_CLIENT_PART = 8
_LEAST = 2


class Cores(NamedTuple):
    """Cores of each; none where they are not pinned."""

    server: tuple[int, ...] = ()
    client: tuple[int, ...] = ()


def divided(gpus: Sequence[GpuInfo], permitted: Iterable[int] | None = None) -> Cores:
    """Divide the cores of the GPUs' nodes: the client gets the last eighth, two at least.

    All cores are divided where no nodes are known, or where they have fewer than eight cores for us; nothing
    is where that is all there are.
    """
    if permitted is None:
        permitted = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    cores = sorted(permitted)
    near = {core for gpu in gpus if gpu.numa is not None for core in cores_of_node(gpu.numa)}
    chosen = [core for core in cores if core in near]
    # A node that a container gives us little of is worse than being far away.
    chosen = chosen if len(chosen) >= _ENOUGH else cores
    if len(chosen) < _ENOUGH:
        return Cores()
    client = max(_LEAST, len(chosen) // _CLIENT_PART)
    return Cores(tuple(chosen[:-client]), tuple(chosen[-client:]))
