"""GPUs for one server at a time, from a pool that all sessions and users of this host share.

A lease is slots of one file a GPU: all of them, or a part for a server that shares it. They are taken in a
fixed order, all or none, and nobody waits while holding some. A lock dies with its owner; a server may not:
what dead owners left on the GPUs is swept, and their memory awaited.
"""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_llmbench.counting import counted
from pytest_llmbench.errors import ServerError
from pytest_llmbench.shared_files import lock_folder
from pytest_llmbench.slots import Held, Holder, SlotFile, wait_for
from pytest_llmbench.spec.impossible import too_big
from pytest_llmbench.spec.rules import is_gpu
from pytest_llmbench.telemetry.visible import chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_llmbench.models.facts import ModelFacts
    from pytest_llmbench.spec.deployment import Deployment
    from pytest_llmbench.spec.files import Rule
    from pytest_llmbench.telemetry.gpu import GpuInfo
    from pytest_llmbench.telemetry.inventory import Inventory

__all__ = ["GpuPool"]

_SLOTS = 100
_POLL_SECONDS = 0.1
# What a desktop and the driver keep for themselves: less than this (bytes, part of the GPU) is a free GPU.
_USUAL_BYTES = 2**30
_USUAL_PART = 0.05


@dataclass
class GpuPool:
    """Leases the GPUs `gpus`, which are those this process may use.

    `rules` are by deployment id, those that forbid it some GPUs; `facts_of` tells what is known of a model's
    weights. `sweep` ends servers of dead owners. `folder` is where the lock files are, the same for all.
    """

    gpus: Sequence[GpuInfo]
    inventory: Inventory
    rules: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    facts_of: Callable[[str], ModelFacts | None] = lambda _source: None
    sweep: Callable[[], object] = lambda: None
    folder: Path = field(default_factory=lock_folder)

    def shortage(self, deployment: Deployment) -> str | None:
        """Say why this machine can never run the deployment; None if it can once enough GPUs are free."""
        if not deployment.gpus:
            return None
        fitting, why = self._fitting(deployment)
        if len(fitting) >= deployment.gpus:
            return None
        name = f" ({deployment.gpu_name})" if deployment.gpu_name else ""
        exactly = f" {', '.join(deployment.gpu_ids)}" if deployment.gpu_ids else ""
        text = f"needs {counted(deployment.gpus, 'GPU')}{exactly}{name}, found {len(fitting)}"
        return f"{text}: {why}" if why else text

    @contextmanager
    def leased(
        self,
        deployment: Deployment,
        *,
        timeout: float,
        on_wait: Callable[[str], None],
        await_memory: bool = True,
    ) -> Iterator[tuple[GpuInfo, ...]]:
        """Have the deployment's GPUs to itself while the context lasts; at most `timeout` (s) is waited.

        `on_wait` hears what is waited for; with `await_memory`, until the memory is free, too.

        Raises:
            ServerError: they did not become free.
            StorageError: the lock files cannot be used.
        """
        if not deployment.gpus:
            yield ()
            return
        lease = _Lease()
        deadline = time.monotonic() + timeout
        try:
            self._acquire(lease, deployment, timeout, on_wait)
            self.sweep()
            if await_memory:
                self._await_memory(lease.gpus, deployment, deadline, on_wait)
            yield lease.gpus
        finally:
            lease.release()

    def _acquire(
        self, lease: _Lease, deployment: Deployment, timeout: float, on_wait: Callable[[str], None]
    ) -> None:
        fitting, _ = self._fitting(deployment)
        slots = math.ceil(_SLOTS * (deployment.gpu_share or 1))
        sets = self._sets(deployment, fitting)

        def take() -> Held | None:
            for gpus in sets:
                if self._take(lease, gpus, deployment, slots):
                    return lease.held[0]
            return None

        def waiting() -> None:
            on_wait(f"waiting for {self._wanted(deployment)}{self._holders(fitting)}")

        queue = SlotFile(self.folder / "pytest-llmbench-gpus.queue", 1)
        if not wait_for(take, queue, deployment.id, timeout=timeout, on_wait=waiting):
            message = (
                f"{deployment.id}: {self._wanted(deployment)} did not become free within"
                f" --bench-wait-timeout ({timeout:g} s){self._holders(fitting)}"
            )
            raise ServerError(message)

    def _take(self, lease: _Lease, gpus: Sequence[GpuInfo], deployment: Deployment, slots: int) -> bool:
        """Take as many as are wanted of these, or none."""
        for gpu in gpus:
            held = self._file(gpu).take(slots, deployment.id)
            if held:
                lease.add(gpu, held)
            if len(lease.gpus) == deployment.gpus:
                return True
        lease.release()
        return False

    def _sets(self, deployment: Deployment, fitting: Sequence[GpuInfo]) -> list[Sequence[GpuInfo]]:
        """Return what to take from, the preferred sets first; each in the order of the driver."""
        preferred = [chosen(fitting, names) for names in deployment.gpu_prefer]
        whole = [sorted(gpus, key=_by_index) for gpus in preferred if len(gpus) == deployment.gpus]
        return [*whole, sorted(fitting, key=_by_index)]

    def _fitting(self, deployment: Deployment) -> tuple[Sequence[GpuInfo], str]:
        """Return the GPUs a deployment may get, and why it may not get another."""
        gpus = self.gpus
        if deployment.gpu_ids:
            gpus = chosen(gpus, deployment.gpu_ids)
        fitting, why = [], ""
        for gpu in gpus:
            reason = self._unfit(deployment, gpu)
            why = why or (f"not {gpu.name}: {reason}" if reason else "")
            if not reason:
                fitting.append(gpu)
        return fitting, why

    def _unfit(self, deployment: Deployment, gpu: GpuInfo) -> str:
        if deployment.gpu_name and not is_gpu(gpu.name, (deployment.gpu_name,)):
            return f"{deployment.gpu_name} is asked for"
        if gpu.instance is not None and deployment.gpus > 1:
            return "one process sees one MIG instance"
        for rule in self.rules.get(deployment.id, ()):
            if is_gpu(gpu.name, rule.when.gpu or ()):
                return rule.reason
        return too_big(deployment, self.facts_of(deployment.source), gpu.memory_bytes) or ""

    def _await_memory(
        self,
        gpus: Sequence[GpuInfo],
        deployment: Deployment,
        deadline: float,
        on_wait: Callable[[str], None],
    ) -> None:
        """Wait until what earlier servers used was given back: a driver takes its time after their end."""
        for gpu in gpus:
            while reason := self._occupied(gpu, deployment):
                if time.monotonic() >= deadline:
                    message = f"{deployment.id}: {reason}"
                    raise ServerError(message)
                on_wait(f"waiting for memory: {reason}")
                time.sleep(_POLL_SECONDS)

    def _occupied(self, gpu: GpuInfo, deployment: Deployment) -> str:
        used = self.inventory.memory_used(gpu)
        if used is None:
            return ""
        if deployment.gpu_share:
            free = used <= gpu.memory_bytes * (1 - deployment.gpu_share)
        else:
            free = used <= max(_USUAL_BYTES, _USUAL_PART * gpu.memory_bytes)
        if free:
            return ""
        pids = ", ".join(str(process.pid) for process in self.inventory.processes(gpu))
        by = f" by pid {pids}" if pids else ""
        return f"{used / 2**30:.1f} GiB of GPU {gpu.label} are in use{by}"

    def _wanted(self, deployment: Deployment) -> str:
        return counted(deployment.gpus, "GPU")

    def _holders(self, fitting: Sequence[GpuInfo]) -> str:
        holders: dict[Holder, list[str]] = {}
        for gpu in fitting:
            for holder in self._file(gpu).holders():
                holders.setdefault(holder, []).append(gpu.label)
        told = [f"{holder} has {','.join(indices)}" for holder, indices in holders.items()]
        return f" ({'; '.join(told)})" if told else ""

    def _file(self, gpu: GpuInfo) -> SlotFile:
        return SlotFile(self.folder / f"pytest-llmbench-gpu-{gpu.uuid}.lock", _SLOTS)


class _Lease:
    """GPUs, each with the slots that are held of it."""

    def __init__(self) -> None:
        self.gpus: tuple[GpuInfo, ...] = ()
        self.held: list[Held] = []

    def add(self, gpu: GpuInfo, held: Held) -> None:
        self.gpus += (gpu,)
        self.held.append(held)

    def release(self) -> None:
        for held in self.held:
            held.release()
        self.gpus, self.held = (), []


def _by_index(gpu: GpuInfo) -> tuple[int, int]:
    return gpu.index, gpu.instance or 0
