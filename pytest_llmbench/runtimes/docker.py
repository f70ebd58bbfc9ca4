"""Containers. Only the question whether this machine could run one is answered yet."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_llmbench.errors import Unavailable
from pytest_llmbench.runtimes.gpus import gpu_shortage

if TYPE_CHECKING:
    from pytest_llmbench.runtimes.base import RunningServer, StartContext
    from pytest_llmbench.spec.deployment import Deployment

__all__ = ["Docker", "daemon_answers", "daemon_url"]

_DEFAULT_DAEMON = "unix:///var/run/docker.sock"
_DOCKER_PORT = 2375
_CONNECT_SECONDS = 1.0


class Docker:
    """Says what is missing for a container: GPUs first, then the daemon, then this version's own limit."""

    name = "docker"

    def unavailable(self, deployment: Deployment) -> str | None:
        """Return the first reason why the deployment cannot run here; there always is one."""
        shortage = gpu_shortage(deployment.gpus)
        if shortage:
            return shortage
        if not daemon_answers(daemon_url()):
            return f"needs Docker: no daemon at {daemon_url()}"
        return (
            "starting containers is not part of this version; start the server yourself and use --bench-url"
        )

    def start(self, deployment: Deployment, context: StartContext) -> RunningServer:  # noqa: ARG002
        """Raise `Unavailable` with the reason."""
        raise Unavailable(self.unavailable(deployment))


def daemon_url() -> str:
    """Return where the Docker daemon listens: `DOCKER_HOST`, else the usual socket."""
    return os.environ.get("DOCKER_HOST") or _DEFAULT_DAEMON


def daemon_answers(url: str) -> bool:
    """Say whether something accepts connections at a `unix://` or `tcp://` address, within a second."""
    parts = urlsplit(url)
    try:
        if parts.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_CONNECT_SECONDS)
                connection.connect(parts.path)
        else:
            address = (parts.hostname or "localhost", parts.port or _DOCKER_PORT)
            socket.create_connection(address, timeout=_CONNECT_SECONDS).close()
    except (OSError, ValueError):
        return False
    return True
