"""The process of an embedded server: `python -m pytest_llmbench.runtimes.embedded_child`.

Reads one line of JSON from standard input (see `ChildRequest`), starts llama.cpp's server, writes one
line of JSON to the file descriptor named there (see `ChildReport`), and serves until it is ended. It never
outlives its parent: standard input is a pipe whose other end only the parent holds.

Kept apart from `embedded` and light: nothing of the package is imported here, which would take as long as
the engine does to be ready.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import threading
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmbench.spec.deployment import ArgValue

__all__ = ["ChildReport", "ChildRequest", "main", "parameters"]

_PR_SET_PDEATHSIG = 1


class ChildRequest(TypedDict):
    """What the parent asks for; `parent` is its process id, port 0 any that is free.

    `settings` are attributes of the engine's `CommonParams` (a dot descends), their values, and the
    enumeration of which that is a member, or nothing.
    """

    model: str
    alias: str
    host: str
    port: int
    gpus: int
    settings: Sequence[tuple[str, ArgValue, str]]
    api_key: str | None
    report_fd: int
    parent: int


class ChildReport(TypedDict):
    """What the child answers: its address and facts, or why this machine cannot do it."""

    address: NotRequired[str]
    version: NotRequired[str]
    threads: NotRequired[int]
    unavailable: NotRequired[str]


def main() -> int:
    """Serve until ended; return 1 if the server does not start, which its log explains."""
    request: ChildRequest = json.loads(_first_line())
    _die_with_parent(request["parent"])
    try:
        engine = importlib.import_module("xllamacpp")
    except (ImportError, OSError) as error:
        _report(request, {"unavailable": f"the installed xllamacpp does not load: {error}"})
        return 1
    if request["gpus"] and not _has_gpu(engine):
        _report(request, {"unavailable": "the installed xllamacpp wheel is built without GPU support"})
        return 1
    settings = parameters(engine, request)
    try:
        server = engine.Server(settings)
    except RuntimeError as error:
        sys.stderr.write(f"RuntimeError: {error}\n")
        return 1
    report: ChildReport = {"address": server.listening_address, "version": engine.__version__}
    if settings.cpuparams.n_threads > 0:  # filled in by the engine while it loads
        report["threads"] = settings.cpuparams.n_threads
    _report(request, report)
    _forget_parent_thread()
    threading.Event().wait()
    return 0


def parameters(engine: Any, request: ChildRequest) -> Any:  # noqa: ANN401 - the engine has no types
    """Return the engine's `CommonParams` for a request."""
    settings = engine.CommonParams()
    settings.model.path = request["model"]
    settings.model_alias = {request["alias"]}
    settings.hostnames = [request["host"]]
    settings.port = request["port"]
    settings.endpoint_metrics = True
    if request["api_key"]:
        settings.api_keys = [request["api_key"]]
    if not request["gpus"]:
        settings.n_gpu_layers = 0
    for attribute, value, enumeration in request["settings"]:
        above, _, last = attribute.rpartition(".")
        target = attrgetter(above)(settings) if above else settings
        setattr(target, last, getattr(getattr(engine, enumeration), str(value)) if enumeration else value)
    return settings


def _has_gpu(engine: Any) -> bool:  # noqa: ANN401
    return any("GPU" in str(device["type"]) for device in engine.get_device_info())


def _report(request: ChildRequest, report: ChildReport) -> None:
    with os.fdopen(request["report_fd"], "w", encoding="utf-8") as pipe:
        pipe.write(json.dumps(report) + "\n")


def _die_with_parent(parent: int) -> None:
    """End this process when its parent is gone, however it went.

    The thread sees the end of standard input. While the engine loads a model it holds the interpreter
    lock and the thread cannot run, so on Linux the kernel is asked as well.
    """
    threading.Thread(target=_exit_at_end_of_input, daemon=True).start()
    _parent_death_signal(signal.SIGKILL)
    if os.getppid() != parent:  # it went before the kernel was asked
        os._exit(1)


def _forget_parent_thread() -> None:
    """Withdraw the request to the kernel: it watches the parent's starting thread, which may end first."""
    _parent_death_signal(0)


def _parent_death_signal(number: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def _first_line() -> bytes:
    # Read from the descriptor: a thread left inside `sys.stdin` would abort the interpreter at its end.
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            sys.exit(1)
        line += piece
    return line


def _exit_at_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
