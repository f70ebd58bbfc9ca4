"""Engines that are installed on this host, as local processes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.backends.base import Launch
from pytest_llmbench.errors import Unavailable, UsageError
from pytest_llmbench.models import locate
from pytest_llmbench.runtimes.activity import activity
from pytest_llmbench.runtimes.base import served_name
from pytest_llmbench.runtimes.connect import http_client
from pytest_llmbench.runtimes.found_processes import find_processes, sweep_processes
from pytest_llmbench.runtimes.gpus import gpu_shortage
from pytest_llmbench.runtimes.keeping import fingerprint, kept, new_name, new_tag, state_of
from pytest_llmbench.runtimes.keys import resolve_api_key, resolve_secrets
from pytest_llmbench.runtimes.local_process import LocalProcess
from pytest_llmbench.runtimes.marks import Mark
from pytest_llmbench.runtimes.readiness import answers_as, read_log, wait_until_ready
from pytest_llmbench.runtimes.server import Secret, Server
from pytest_llmbench.telemetry.visible import visibility

if TYPE_CHECKING:
    from pytest_llmbench.backends.base import Backend
    from pytest_llmbench.runtimes.base import StartContext
    from pytest_llmbench.runtimes.found_processes import FoundProcess
    from pytest_llmbench.spec.deployment import Deployment

__all__ = ["Process", "ProcessServer"]

_HEALTH_SECONDS = 2.0
_LOCALHOST = "127.0.0.1"
_READ = re.compile("(CUDA|GGML|HF|HIP|LD|LLAMA|MKL|NCCL|NVIDIA|OMP|ROCR|SGLANG|TORCH|TRITON|VLLM)_|PYTHON")
"""What the names of variables begin with that engines and their libraries read."""


class ProcessServer:
    """A server that is a process of this host: a child of ours, or one that was kept and outlives us."""

    def __init__(self, server: Server, process: LocalProcess | FoundProcess) -> None:
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
        """End the server and everything it started, unless it is kept. Safe to call twice; never raises."""
        if isinstance(self._process, LocalProcess):
            self._process.stop()


@dataclass(frozen=True, slots=True)
class _Order:
    """What one start needs, all of it found out before a program is started."""

    deployment: Deployment
    context: StartContext
    backend: Backend
    program: tuple[str, ...]
    weights: Path
    api_key: Secret | None
    secrets: dict[str, Secret]
    fingerprint: str


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
        if context.keep and not Path("/proc/self/environ").exists():
            message = f"{deployment.id}: local processes can be kept on Linux only; leave out --bench-keep"
            raise UsageError(message)
        backend = BACKENDS[deployment.backend]
        api_key, secrets = resolve_api_key(deployment), resolve_secrets(deployment)
        for orphan in sweep_processes():
            context.on_progress(f"ended {orphan.name}, which a session that was killed left behind")
        weights = locate(
            deployment.source,
            context.on_progress,
            formats=backend.formats,
            folders=context.model_folders,
        )
        program = _program(deployment, backend)
        started = (program, _state_of_program(program), _inherited())
        same = fingerprint(deployment, context, weights, secrets, api_key, *started)
        order = _Order(deployment, context, backend, program, weights, api_key, secrets, same)
        return (context.keep and self._adopt(order)) or self._create(order)

    def _create(self, order: _Order) -> ProcessServer:
        deployment, context, backend = order.deployment, order.context, order.backend
        host, port = context.publish or (_LOCALHOST, 0)
        launch = Launch(
            program=order.program,
            model=str(order.weights),
            served_name=served_name(deployment, context),
            host=host,
            port=port or _free_port(host),
            api_key=order.api_key,
            gpus=deployment.gpus,
        )
        mark = _mark(order, launch)
        command = backend.command(deployment, launch)
        env = {
            **os.environ,
            **_gpus(deployment, context),
            **backend.environment(deployment, launch),
            **dict(deployment.env),
            **order.secrets,
        }
        context.on_progress(f"starting {launch.program[0]} with {order.weights.name}")
        process = LocalProcess(command, env, context.log_path, mark, context.cores)
        try:
            server = _ready(order, process, mark, context.log_path)
        except BaseException:  # Ctrl-C too
            process.stop()
            raise
        return ProcessServer(server, process.keep() if context.keep else process)

    def _adopt(self, order: _Order) -> ProcessServer | None:
        """Return a server that was kept and is just what is wanted; None if there is none that runs well."""
        for found in kept(find_processes(fingerprint=order.fingerprint), order.context):
            # One of another process namespace answers at an address of its own.
            if found.tag.owner.lives() is not None and found.exited() is None:
                order.context.on_progress(f"using {found.name}, which was kept")
                server = replace(_ready(order, found, found.mark, found.log_path), log=None)
                return ProcessServer(server, found)
        return None


def _state_of_program(program: tuple[str, ...]) -> tuple[str, int, int]:
    return state_of(Path(shutil.which(program[0]) or program[0]).resolve())


def _inherited() -> list[tuple[str, str]]:
    """Return the variables of ours that an engine reads as well."""
    return sorted((name, text) for name, text in os.environ.items() if _READ.match(name))


def _mark(order: _Order, launch: Launch) -> Mark:
    """Say whose the server is, and where it will answer."""
    host = _LOCALHOST if launch.host in {"0.0.0.0", "::"} else launch.host  # noqa: S104 - compared
    tag = new_tag(order.deployment, order.context, order.backend.served_as(launch), order.fingerprint)
    return Mark(new_name(order.deployment), f"http://{host}:{launch.port}", tag)


def _ready(order: _Order, process: LocalProcess | FoundProcess, mark: Mark, log: Path) -> Server:
    """Wait until the server answers under its name, and ask it about itself; `log` is what it writes."""
    deployment, backend, begin = order.deployment, order.backend, time.monotonic()
    with http_client(mark.address, order.api_key, timeout=_HEALTH_SECONDS) as http:
        wait_until_ready(
            lambda: answers_as(mark.tag.served_name, http, backend.health_path),
            process.exited,
            replace(order.context, log_path=log),
            what=deployment.id,
            telling=backend.telling_lines,
            cause=backend.cause,
            progress=lambda: activity(process.pid),
        )
        ready_seconds = time.monotonic() - begin
        facts = {**backend.log_facts(read_log(log)), **backend.facts(http)}
    return Server(
        deployment=deployment,
        base_url=mark.address,
        served_model=mark.tag.served_name,
        facts={**facts, "engine": backend.name},
        api_key=order.api_key,
        ready_seconds=ready_seconds,
        log=log,
        outlives=mark.tag.kept,
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
