"""Waiting for a server: the process first, then its answers, and a deadline on no progress."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import httpx

from pytest_llmbench.backends.wire import served_models
from pytest_llmbench.errors import ServerError, ServerStartError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_llmbench.runtimes.base import StartContext

__all__ = ["answers_as", "read_log", "wait_until_ready"]

T = TypeVar("T")

_LOG_TAIL_BYTES = 256 * 1024
_FIRST_INTERVAL, _LONGEST_INTERVAL = 0.01, 0.25


def wait_until_ready(
    probe: Callable[[], T | None],
    exited: Callable[[], str | None],
    context: StartContext,
    *,
    what: str,
    telling: Callable[[Sequence[str]], list[str]],
    cause: Callable[[Sequence[str]], str | None] = lambda _log: None,
    progress: Callable[[], object] = lambda: None,
) -> T:
    """Ask `probe` until it returns something, and return that.

    Growth of the log counts as progress, and so does a change of what `progress` returns. A probe that
    knows it is in vain raises instead of returning None.

    Args:
        probe: one look at the server; must not block for long.
        exited: why the server is gone, in one line; None while it runs.
        context: its log and its two timeouts.
        what: names the server in messages.
        telling: picks the lines that tell the cause out of the log.
        cause: names the cause, where the log tells a known one.
        progress: something else that changes while a start comes forward.

    Raises:
        ServerStartError: the server ended, stopped making progress, or took too long.
    """
    begin = last = time.monotonic()
    seen: object = None
    interval = _FIRST_INTERVAL
    while True:
        gone = exited()
        if gone is not None:
            message = f"{what} did not start: {gone}"
            raise _start_error(message, context.log_path, telling, cause)
        found = probe()
        if found is not None:
            return found
        now = time.monotonic()
        state = _size(context.log_path), progress()
        if state != seen:
            seen, last = state, now
        if now - last > context.stall_timeout:
            message = f"{what} did not start: no progress for {context.stall_timeout:g} s"
            raise _start_error(message, context.log_path, telling, cause)
        if now - begin > context.total_timeout:
            message = f"{what} did not start: not ready after {context.total_timeout:g} s"
            raise _start_error(message, context.log_path, telling, cause)
        time.sleep(interval)
        interval = min(2 * interval, _LONGEST_INTERVAL)


def answers_as(name: str, http: httpx.Client, health_path: str) -> bool | None:
    """Say True once a server is healthy and serves `name`; None before. To be a probe of `wait_until_ready`.

    Raises:
        ServerStartError: somebody else answers at this address.
    """
    try:
        if not http.get(health_path).is_success:
            return None
        names = [str(model.get("id")) for model in served_models(http)]
    except (httpx.TransportError, ServerError):
        return None
    if name not in names:
        message = f"another server answers at {http.base_url}: it serves {', '.join(names)}, not {name}"
        raise ServerStartError(message)
    return True


def read_log(path: Path) -> list[str]:
    """Return the lines of the last 256 KiB of a log; none if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, _size(path) - _LOG_TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _start_error(
    message: str,
    log_path: Path,
    telling: Callable[[Sequence[str]], list[str]],
    cause: Callable[[Sequence[str]], str | None],
) -> ServerStartError:
    lines = read_log(log_path)
    if known := cause(lines):
        message = f"{message}: {known}"
    return ServerStartError(message, log_tail=telling(lines), log=log_path if log_path.exists() else None)
