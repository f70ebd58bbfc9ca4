"""llama.cpp's own HTTP server from the `xllamacpp` wheel, in a child process on this machine."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import time
from typing import TYPE_CHECKING

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.backends.llama_args import LLAMA_ARGS
from pytest_llmbench.errors import Unavailable
from pytest_llmbench.models import locate
from pytest_llmbench.runtimes.base import served_name
from pytest_llmbench.runtimes.child_process import ChildProcess
from pytest_llmbench.runtimes.connect import http_client
from pytest_llmbench.runtimes.gpus import gpu_shortage
from pytest_llmbench.runtimes.keys import resolve_api_key
from pytest_llmbench.runtimes.readiness import answers_as, wait_until_ready
from pytest_llmbench.runtimes.server import Server
from pytest_llmbench.telemetry.visible import visibility

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_llmbench.runtimes.base import StartContext
    from pytest_llmbench.runtimes.embedded_child import ChildRequest
    from pytest_llmbench.runtimes.server import FactValue, Secret
    from pytest_llmbench.spec.deployment import ArgValue, Deployment

__all__ = ["Embedded", "EmbeddedServer"]

_BACKEND = "llama"
_CHILD = "pytest_llmbench.runtimes.embedded_child"
_HEALTH_SECONDS = 2.0
_ANY_PORT = ("127.0.0.1", 0)


class EmbeddedServer:
    """A llama.cpp server in a child process of ours."""

    def __init__(self, server: Server, child: ChildProcess) -> None:
        self.server = server
        self._child = child

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._child.pid

    def exited(self) -> str | None:
        """Why the server is gone, in one line; None while it runs."""
        return self._child.exited()

    def stop(self) -> None:
        """End the server within a few seconds, streams in flight or not. Safe to call twice; never raises."""
        self._child.stop()


class Embedded:
    """Starts embedded servers: on the CPU, or on GPUs with an `xllamacpp` wheel built for them."""

    name = "embedded"

    def unavailable(self, deployment: Deployment) -> str | None:
        """Return why this machine cannot run the deployment, or None. Imports and starts nothing."""
        if deployment.backend != _BACKEND:
            return f"the embedded runtime serves backend {_BACKEND}, not {deployment.backend}"
        if importlib.util.find_spec("xllamacpp") is None:
            return "needs the embedded extra: pip install 'pytest-llmbench[embedded]'"
        for name in ("tp", "pp", "dp", "ep"):
            size = getattr(deployment, name)
            if size > 1:
                return f"the embedded runtime does not split a model: {name} is {size}"
        return gpu_shortage(deployment.gpus)

    def start(self, deployment: Deployment, context: StartContext) -> EmbeddedServer:
        """Find or make the weights, start the server, and return when it answers under its own name.

        Raises:
            Unavailable: a package or a GPU is missing.
            UsageError: the model, an argument or the API key's variable does not exist.
            ServerStartError: the server ended or made no progress before it was ready.
            StorageError: weights or log cannot be written.
        """
        reason = self.unavailable(deployment)
        if reason:
            raise Unavailable(reason)
        backend = BACKENDS[deployment.backend]
        threads = len(context.cores) or _spare_one()
        args: dict[str, ArgValue] = {"threads": threads, **backend.default_args, **dict(deployment.args)}
        backend.check_args(args, "embedded")
        api_key = resolve_api_key(deployment)
        weights = locate(deployment.source, context.on_progress, folders=context.model_folders)
        context.on_progress(f"starting llama.cpp with {weights.name}")
        begin = time.monotonic()
        environment = {**os.environ, **visibility(context.gpus), **dict(deployment.env)}
        child = ChildProcess([sys.executable, "-P", "-m", _CHILD], environment, context.log_path)
        if context.cores:
            with contextlib.suppress(OSError):  # it may have ended already, which its log explains
                os.sched_setaffinity(child.pid, context.cores)
        try:
            return self._bring_up(deployment, context, child, (weights, args, api_key), begin)
        except BaseException:  # Ctrl-C too
            child.stop()
            raise

    def _bring_up(
        self,
        deployment: Deployment,
        context: StartContext,
        child: ChildProcess,
        what: tuple[Path, Mapping[str, ArgValue], Secret | None],
        begin: float,
    ) -> EmbeddedServer:
        weights, args, api_key = what
        alias = served_name(deployment, context)
        host, port = context.publish or _ANY_PORT
        request: ChildRequest = {
            "model": str(weights),
            "alias": alias,
            "host": host,
            "port": port,
            # On paper only, for tests of leasing: a server that has them runs on the CPU.
            "gpus": sum(gpu.vendor != "listed" for gpu in context.gpus),
            "settings": [LLAMA_ARGS[name].setting(value) for name, value in args.items()],
            "api_key": api_key,
            "report_fd": child.report_fd,
            "parent": os.getpid(),
        }
        child.send(request)
        backend = BACKENDS[deployment.backend]
        report = wait_until_ready(
            lambda: _report_of(child),
            # A child that gave its reason before it ended is asked for that first.
            lambda: None if child.report() else child.exited(),
            context,
            what=deployment.id,
            telling=backend.telling_lines,
            cause=backend.cause,
        )
        base_url = str(report["address"]).rstrip("/")
        with http_client(base_url, api_key, timeout=_HEALTH_SECONDS) as http:
            wait_until_ready(
                lambda: answers_as(alias, http, backend.health_path),
                child.exited,
                context,
                what=deployment.id,
                telling=backend.telling_lines,
            )
            ready_seconds = time.monotonic() - begin
            facts: dict[str, FactValue] = {
                **backend.facts(http),
                "engine": _BACKEND,
                "version": f"xllamacpp {report['version']}",
            }
        if "threads" in report:
            facts["threads"] = report["threads"]
        server = Server(
            deployment=deployment,
            base_url=base_url,
            served_model=alias,
            facts=facts,
            api_key=api_key,
            ready_seconds=ready_seconds,
            log=context.log_path,
        )
        return EmbeddedServer(server, child)


def _spare_one() -> int:
    """Return how many threads to compute with: one core is left to the client that measures.

    llama.cpp's threads wait for each other by spinning. With as many as there are cores, whatever else needs
    one stops them all: on two busy cores 500 tokens took 2 s instead of 0.2 s.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


def _report_of(child: ChildProcess) -> dict[str, FactValue] | None:
    report = child.report()
    if report is not None and "unavailable" in report:
        raise Unavailable(str(report["unavailable"]))
    return report
