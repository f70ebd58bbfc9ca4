"""What a runtime is: the place where a deployment's server lives.

One class a file behind `Runtime`; `pytest_llmbench.runtimes.known.RUNTIMES` names them all.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_llmbench.runtimes.gpus import GpuInfo
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.spec.deployment import Deployment

__all__ = ["RunningServer", "Runtime", "StartContext", "served_name"]


@dataclass(frozen=True, slots=True)
class StartContext:
    """What a runtime needs to know beyond the deployment.

    `log_path` is where the server's output goes. `on_progress` receives short texts for the person
    who waits. `stall_timeout` (s) is how long a start may make no progress, `total_timeout` (s) how
    long it may take in all. `gpus` are leased to this server, and it may use no others; `cores` are those
    it is to run on, none for any. `session` is written on what might be left behind; with `keep` a server
    outlives us, and one that was kept is used; with `rebuild` images are pulled or built anew; `publish` is
    an address and port of this host to listen at, for others to use. `model_folders` may hold copies of hub
    repositories.
    """

    log_path: Path
    on_progress: Callable[[str], None] = lambda _text: None
    stall_timeout: float = 120.0
    total_timeout: float = 1800.0
    gpus: tuple[GpuInfo, ...] = ()
    cores: tuple[int, ...] = ()
    session: str = ""
    keep: bool = False
    rebuild: bool = False
    publish: tuple[str, int] | None = None
    model_folders: tuple[Path, ...] = ()


def served_name(deployment: Deployment, context: StartContext) -> str:
    """Choose the name a server is to answer to.

    No two servers that are measured share one, so that none is taken for another. Those that others are to
    use are called as the model is.
    """
    return deployment.model if context.publish else f"{deployment.model}-{uuid.uuid4().hex[:8]}"


class RunningServer(Protocol):
    """A server that is up, and the way to end it."""

    server: Server

    @property
    def pid(self) -> int:
        """The process that all of its others are below, as this host counts; 0 if there is none here."""

    def exited(self) -> str | None:
        """Why the server is gone, in one line; None while it runs."""

    def stop(self) -> None:
        """End the server and wait until it is gone. Safe to call twice; never raises."""


class Runtime(Protocol):
    """Starts servers of one kind."""

    name: str

    def unavailable(self, deployment: Deployment) -> str | None:
        """Why this machine cannot run the deployment (a skip reason), or None. Starts nothing."""

    def start(self, deployment: Deployment, context: StartContext) -> RunningServer:
        """Bring the server up and return when it answers.

        Raises:
            Unavailable: a package, device or daemon is missing.
            ServerStartError: it ended or made no progress before it was ready.
        """
