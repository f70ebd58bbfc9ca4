"""The servers that this process has up, and being the only one on the host that starts or measures."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.files import locked
from pytest_llmbench.runtimes import RUNTIMES
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.keys import resolve_api_key, resolve_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_llmbench.progress import ProgressLine
    from pytest_llmbench.runtimes.base import RunningServer
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.spec.deployment import Deployment

__all__ = ["Servers"]

_LONGEST_WAIT = 24 * 3600.0


class Servers:
    """Starts servers, knows which of them live, and ends them.

    One in each process that runs tests. `folder` is called before the first server starts and says where logs
    go; `start_timeout` (s) is how long a start may take in all; `keep` and `rebuild` are those of
    `StartContext`.
    """

    def __init__(
        self,
        folder: Callable[[], Path],
        progress: ProgressLine,
        start_timeout: float,
        *,
        keep: bool = False,
        rebuild: bool = False,
    ) -> None:
        self.folder = folder
        self.starts = 0
        """Since the last report; servers that somebody else started do not count."""
        self._progress = progress
        self._start_timeout = start_timeout
        self._keep, self._rebuild = keep, rebuild
        self._live: dict[Deployment, RunningServer] = {}
        self._unavailable: dict[str, str | None] = {}

    def unavailable(self, deployment: Deployment) -> str | None:
        """Why the deployment cannot run here, None if it can; found out once and remembered."""
        if deployment.id not in self._unavailable:
            reason = deployment.skip or RUNTIMES[deployment.runtime].unavailable(deployment)
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

    @contextlib.contextmanager
    def serving(self, deployment: Deployment, log_name: str) -> Iterator[Server]:
        """Have the deployment's server up while the context lasts; its log is `<log_name>.log`.

        Raises:
            Unavailable, ServerStartError: as the runtime found.
        """
        context = StartContext(
            log_path=self.folder() / f"{log_name}.log",
            on_progress=lambda text: self._progress.show(f"{deployment.id}: {text}"),
            total_timeout=self._start_timeout,
            session=self.folder().parent.name,
            keep=self._keep,
            rebuild=self._rebuild,
        )
        with self.alone(f"to start {deployment.id}"):
            running = RUNTIMES[deployment.runtime].start(deployment, context)
        self.starts += deployment.runtime != "external"
        self._live[deployment] = running
        try:
            yield running.server
        finally:
            running.stop()
            del self._live[deployment]

    def gone(self, server: Server) -> str | None:
        """Why a server ended by itself, in one line; None while it runs."""
        return self._live[server.deployment].exited()

    @contextlib.contextmanager
    def alone(self, purpose: str) -> Iterator[None]:
        """Be the only one on this host that measures or starts a server."""
        self._progress.begin()
        self._progress.show(f"waiting {purpose}")
        # One for all users: their measurements disturb each other just the same.
        with locked(Path(tempfile.gettempdir()) / "pytest-llmbench.lock", timeout=_LONGEST_WAIT):
            self._progress.begin()
            try:
                yield
            finally:
                self._progress.clear()

    def close(self) -> None:
        """End any server that is still up."""
        for running in self._live.values():
            running.stop()
