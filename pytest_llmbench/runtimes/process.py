"""Engines that are installed on this host, as local processes."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import time
import uuid
from typing import TYPE_CHECKING

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.backends.base import Launch
from pytest_llmbench.errors import Unavailable, UsageError
from pytest_llmbench.models import locate
from pytest_llmbench.runtimes.activity import activity
from pytest_llmbench.runtimes.connect import http_client
from pytest_llmbench.runtimes.gpus import gpu_shortage
from pytest_llmbench.runtimes.keys import resolve_api_key, resolve_secrets
from pytest_llmbench.runtimes.local_process import LocalProcess, sweep_processes
from pytest_llmbench.runtimes.readiness import answers_as, read_log, wait_until_ready
from pytest_llmbench.runtimes.server import Server
from pytest_llmbench.telemetry.visible import visibility

if TYPE_CHECKING:
    from pytest_llmbench.backends.base import Backend
    from pytest_llmbench.runtimes.base import StartContext
    from pytest_llmbench.spec.deployment import Deployment

__all__ = ["Process", "ProcessServer"]

_HEALTH_SECONDS = 2.0
_LOCALHOST = "127.0.0.1"


class ProcessServer:
    """A server that is a process of this host."""

    def __init__(self, server: Server, process: LocalProcess) -> None:
        self.server = server
        self._process = process

    @property
    def pid(self) -> int:
        """The process id of the guard; the engine is its child."""
        return self._process.pid

    def exited(self) -> str | None:
        """Why the server is gone, in one line; None while it runs."""
        return self._process.exited()

    def stop(self) -> None:
        """End the server and everything it started. Safe to call twice; never raises."""
        self._process.stop()


class Process:
    """Starts engines by the programs that are on PATH, or that the deployment names."""

    name = "process"

    def unavailable(self, deployment: Deployment) -> str | None:
        """Return why this machine cannot run the deployment, or None: its program first, then GPUs."""
        backend = BACKENDS[deployment.backend]
        program = _program(deployment, backend)
        if not program:
            return f"{backend.name} can be measured where it runs, not started"
        if shutil.which(program[0]) is None:
            return f"needs {program[0]}: not on PATH; 'program' says where else it is"
        return gpu_shortage(deployment.gpus)

    def start(self, deployment: Deployment, context: StartContext) -> ProcessServer:
        """Have the weights here, start the program, and return when it answers under its own name.

        Kills the servers of dead owners first. Fetching does not count as starting.

        Raises:
            Unavailable: the program or a GPU is missing.
            UsageError: the model, an argument, or the variable of a secret does not exist.
            ServerStartError: the server ended or made no progress before it was ready.
            StorageError: weights or log cannot be written.
        """
        reason = self.unavailable(deployment)
        if reason:
            raise Unavailable(reason)
        if context.keep:
            message = f"{deployment.id}: a local process cannot be kept; leave out --bench-keep"
            raise UsageError(message)
        backend = BACKENDS[deployment.backend]
        api_key, secrets = resolve_api_key(deployment), resolve_secrets(deployment)
        for pid in sweep_processes():
            context.on_progress(f"ended process {pid}, which a session that was killed left behind")
        weights = locate(
            deployment.source,
            context.on_progress,
            formats=backend.formats,
            folders=context.model_folders,
        )
        host, port = context.publish or (_LOCALHOST, 0)
        launch = Launch(
            program=_program(deployment, backend),
            model=str(weights),
            served_name=f"{deployment.model}-{uuid.uuid4().hex[:8]}",
            host=host,
            port=port or _free_port(host),
            api_key=api_key,
            gpus=deployment.gpus,
        )
        command = backend.command(deployment, launch)
        env = {
            **os.environ,
            **_gpus(deployment, context),
            **backend.environment(deployment, launch),
            **dict(deployment.env),
            **secrets,
        }
        context.on_progress(f"starting {launch.program[0]} with {weights.name}")
        process = LocalProcess(command, env, context.log_path, context.cores)
        try:
            return ProcessServer(_ready(deployment, context, launch, process), process)
        except BaseException:  # Ctrl-C too
            process.stop()
            raise


def _ready(deployment: Deployment, context: StartContext, launch: Launch, process: LocalProcess) -> Server:
    """Wait until the server answers under its name, and ask it about itself."""
    backend, begin = BACKENDS[deployment.backend], time.monotonic()
    host = _LOCALHOST if launch.host in {"0.0.0.0", "::"} else launch.host  # noqa: S104 - compared
    base_url = f"http://{host}:{launch.port}"
    with http_client(base_url, launch.api_key, timeout=_HEALTH_SECONDS) as http:
        wait_until_ready(
            lambda: answers_as(backend.served_as(launch), http, backend.health_path),
            process.exited,
            context,
            what=deployment.id,
            telling=backend.telling_lines,
            cause=backend.cause,
            progress=lambda: activity(process.pid),
        )
        ready_seconds = time.monotonic() - begin
        facts = {**backend.log_facts(read_log(context.log_path)), **backend.facts(http)}
    return Server(
        deployment=deployment,
        base_url=base_url,
        served_model=backend.served_as(launch),
        facts={**facts, "engine": backend.name},
        api_key=launch.api_key,
        ready_seconds=ready_seconds,
        log=context.log_path,
    )


def _program(deployment: Deployment, backend: Backend) -> tuple[str, ...]:
    """Return the words a command line begins with; `program` stands for the first, or brings all of them."""
    if deployment.program is None:
        return backend.program
    words = shlex.split(deployment.program)
    return (*words, *backend.program[1:]) if len(words) == 1 else tuple(words)


def _free_port(host: str) -> int:
    """Return a port that nobody listens at now. Whoever takes it first is told from ours by name."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _gpus(deployment: Deployment, context: StartContext) -> dict[str, str]:
    """Show the engine the GPUs that are leased to it, and none where it is to have none."""
    if context.gpus:
        return visibility(context.gpus)
    return {} if deployment.gpus else {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": ""}
