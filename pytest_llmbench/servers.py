"""The servers that this process has up, and being the only one on the host that starts or measures."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_llmbench.errors import MeasurementError, ServerError
from pytest_llmbench.reports.starts import note_start
from pytest_llmbench.runtimes.activity import STOPPED, stands_still
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.cores import Cores, divided
from pytest_llmbench.runtimes.exclusive import Host
from pytest_llmbench.runtimes.found import sweep_servers
from pytest_llmbench.runtimes.gpus import list_gpus
from pytest_llmbench.runtimes.keys import resolve_api_key, resolve_secrets
from pytest_llmbench.runtimes.known import RUNTIMES
from pytest_llmbench.runtimes.leases import GpuPool
from pytest_llmbench.telemetry.inventory import host_inventory, links
from pytest_llmbench.telemetry.watch import GpuWatch, settled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from pytest_llmbench.models.facts import ModelFacts
    from pytest_llmbench.progress import ProgressLine
    from pytest_llmbench.runtimes.base import RunningServer
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.spec.deployment import Deployment
    from pytest_llmbench.spec.files import Rule
    from pytest_llmbench.telemetry.gpu import GpuInfo

__all__ = ["Servers"]

_SETTLE_SECONDS = 30.0


class Servers:
    """Starts servers, knows which of them live, and ends them.

    One in each process that runs tests. `folder` is called before the first server starts and says where logs
    go; `start_timeout` (s) is how long a start may take in all, `wait_timeout` (s) how long others are waited
    for; `keep`, `rebuild` and `model_folders` are those of `StartContext`. With `overlap`, measurements do
    not wait for each other. `gpu_rules` are by deployment id, and `facts_of` tells what is known of a model's
    weights.
    """

    def __init__(
        self,
        folder: Callable[[], Path],
        progress: ProgressLine,
        *,
        start_timeout: float,
        wait_timeout: float = 86400.0,
        keep: bool = False,
        rebuild: bool = False,
        overlap: bool = False,
        gpu_rules: Mapping[str, tuple[Rule, ...]] | None = None,
        facts_of: Callable[[str], ModelFacts | None] = lambda _source: None,
        model_folders: tuple[Path, ...] = (),
    ) -> None:
        self.folder = folder
        self.overlap = overlap
        self._progress = progress
        self._start_timeout, self._wait_timeout = start_timeout, wait_timeout
        self._host = Host(progress.waiting, wait_timeout)
        self._gpu_rules, self._facts_of = gpu_rules or {}, facts_of
        self._keep, self._rebuild, self._model_folders = keep, rebuild, model_folders
        self._live: dict[Deployment, RunningServer] = {}
        self._leased: dict[Deployment, tuple[GpuInfo, ...]] = {}
        self._unavailable: dict[str, str | None] = {}

    def unavailable(self, deployment: Deployment) -> str | None:
        """Why the deployment cannot run here, None if it can; found out once and remembered."""
        if deployment.id not in self._unavailable:
            reason = deployment.skip
            if not reason and deployment.gpus and deployment.runtime != "external":
                reason = self._pool.shortage(deployment)
            reason = reason or RUNTIMES[deployment.runtime].unavailable(deployment)
            self._unavailable[deployment.id] = reason
        return self._unavailable[deployment.id]

    def require(self, deployments: Iterable[Deployment]) -> None:
        """Look for the secrets of deployments that can run here, before any of them is started.

        Raises:
            UsageError: one is not set.
        """
        for deployment in deployments:
            if self.unavailable(deployment) is None:
                resolve_api_key(deployment)
                resolve_secrets(deployment)

    @cached_property
    def _pool(self) -> GpuPool:
        """The GPUs; asks the driver, so not before something is to run."""
        return GpuPool(list_gpus(), host_inventory(), self._gpu_rules, self._facts_of, sweep=sweep_servers)

    @contextlib.contextmanager
    def serving(self, deployment: Deployment, log_name: str) -> Iterator[Server]:
        """Have the deployment's server up while the context lasts; its log is `<log_name>.log`.

        Raises:
            Unavailable, ServerStartError: as the runtime found.
            ServerError: its GPUs, or the end of somebody's measurement, were waited for in vain.
        """
        with self._gpus_for(deployment) as gpus:
            ours = deployment.runtime != "external"
            cores = divided(gpus) if ours else Cores()
            context = StartContext(
                log_path=self.folder() / f"{log_name}.log",
                on_progress=lambda text: self._progress.show(f"{deployment.id}: {text}"),
                total_timeout=self._start_timeout,
                gpus=gpus,
                cores=cores.server,
                session=self.folder().parent.name,
                keep=self._keep,
                rebuild=self._rebuild,
                model_folders=self._model_folders,
            )
            with self._shown(), self._host.loading(f"starting {deployment.id}"):
                self._progress.begin()
                running = RUNTIMES[deployment.runtime].start(deployment, context)
            self._live[deployment], self._leased[deployment] = running, gpus
            try:
                if running.server.log is not None:  # else it ran already
                    note_start(self.folder(), log_name)
                given = {
                    "leased_gpus": ",".join(gpu.label for gpu in gpus),
                    "gpu_links": ",".join(links(host_inventory(), gpus)) if len(gpus) > 1 else "",
                    "pinned_cores": ",".join(map(str, cores.server)),
                }
                facts = {**running.server.facts, **{name: text for name, text in given.items() if text}}
                yield replace(running.server, facts=facts, client_cores=cores.client)
            finally:
                running.stop()
                del self._live[deployment], self._leased[deployment]

    @contextlib.contextmanager
    def _gpus_for(self, deployment: Deployment) -> Iterator[tuple[GpuInfo, ...]]:
        """Lease what a server of ours needs; who runs elsewhere has his own."""
        if deployment.runtime == "external" or not deployment.gpus:
            yield ()
            return
        self._progress.begin()
        with self._pool.leased(
            deployment,
            timeout=self._wait_timeout,
            # What a kept server has is wanted.
            await_memory=not self._keep,
            on_wait=lambda text: self._progress.waiting(f"{deployment.id}: {text}"),
        ) as gpus:
            yield gpus

    def settle(self, server: Server) -> str | None:
        """Wait until clocks and temperatures of a server's GPUs are stable; say what is not after a while."""
        gpus = self._leased.get(server.deployment, ())
        return settled(host_inventory(), gpus, timeout=_SETTLE_SECONDS, on_wait=self._progress.show)

    def watch(self, server: Server) -> Callable[[], GpuWatch] | None:
        """Return what makes a watch over the GPUs leased to a server; None for one without."""
        gpus = self._leased.get(server.deployment)
        return (lambda: GpuWatch(host_inventory(), gpus)) if gpus else None

    def gone(self, server: Server) -> str | None:
        """Why a server ended by itself, in one line; None while it runs."""
        return self._live[server.deployment].exited()

    def look_after(self, server: Server) -> None:
        """Give up what is under way on a server that was stopped: it would wait out every timeout.

        One look into /proc; the server is not asked.

        Raises:
            MeasurementError: it stands still.
        """
        if stands_still(self._live[server.deployment].pid):
            message = f"the server of {server.deployment.id} ended while it was measured: {STOPPED}"
            raise MeasurementError(message)

    @contextlib.contextmanager
    def alone(self, what: str) -> Iterator[Callable[[], tuple[str, ...] | None]]:
        """Be the only one on this host that measures, loads or pulls; others are told `what`.

        With `overlap` others may, too. The context's function tells who else was seen so far, None where
        nobody can be.

        Raises:
            ServerError: others were waited for in vain.
        """
        with self._shown():
            if self.overlap:
                with self._host.overlapping(what) as look:
                    self._progress.begin()
                    yield look
            else:
                with self._host.measuring(what):
                    self._progress.begin()
                    yield lambda: None

    @contextlib.contextmanager
    def _shown(self) -> Iterator[None]:
        """Tell the person at the terminal what is going on meanwhile."""
        self._progress.begin()
        try:
            yield
        finally:
            self._progress.clear()

    def sweep(self) -> None:
        """End what other processes of ours left that were killed before they could."""
        with contextlib.suppress(ServerError):
            sweep_servers()

    def close(self) -> None:
        """End any server that is still up."""
        for running in self._live.values():
            running.stop()
