"""An engine as a local process: starting it behind its guard, its end, and what dead sessions left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.runtimes.activity import STOPPED, family, stands_still
from pytest_llmbench.runtimes.child_process import open_log, signal_name
from pytest_llmbench.runtimes.owner import Owner, this_process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MARK", "LocalProcess", "sweep_processes"]

MARK = "LLMBENCH_OWNER"
"""The variable that every process of a server has: who started it."""

_GUARD = "pytest_llmbench.runtimes.guard"
_GRACE_SECONDS = 35.0  # the guard takes ten at most for each of asking, insisting and cleaning up


class LocalProcess:
    """An engine behind a guard that ends it, with all it started, as soon as we are gone.

    Raises:
        StorageError: the log cannot be written.
    """

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], log: Path, cores: Sequence[int] = ()
    ) -> None:
        self._stopped = False
        with open_log(log) as output:
            self._guard = subprocess.Popen(
                [sys.executable, "-P", "-m", _GUARD, ",".join(map(str, cores)), *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**env, MARK: _mark(this_process())},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The guard's process id; the engine is its child."""
        return self._guard.pid

    def exited(self) -> str | None:
        """Say how the engine ended, or that it was stopped; None while it runs."""
        code = self._guard.poll()
        if code is None:
            return STOPPED if stands_still(self.pid) else None
        return (
            f"the server was ended by {signal_name(-code)}"
            if code < 0
            else f"the server exited with code {code}"
        )

    def stop(self) -> None:
        """End the engine and everything it started. Safe to call twice; never raises."""
        if self._stopped:
            return
        self._stopped = True
        assert self._guard.stdin is not None  # noqa: S101 - asked for above
        with contextlib.suppress(OSError):
            self._guard.stdin.close()
        try:
            self._guard.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:  # a guard that was stopped itself
            _kill([*family(self.pid)])
            self._guard.wait()


def sweep_processes() -> list[int]:
    """Kill what servers of sessions that were killed left running on this host; return their process ids.

    Only processes that carry our mark, whose owner is known to be dead, and only of this user. On systems
    without /proc nothing is found, and nothing is left either: guards see to that.
    """
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        owner = _owner(folder)
        if owner is not None and owner.lives() is False:
            found += [int(folder.name)]
    _kill([member for pid in found for member in family(pid)])
    return found


def _mark(owner: Owner) -> str:
    return "|".join((str(owner.pid), owner.started, owner.boot, owner.place))


def _owner(folder: Path) -> Owner | None:
    try:
        environ = (folder / "environ").read_bytes()
    except OSError:
        return None
    prefix = f"{MARK}=".encode()
    for variable in environ.split(b"\0"):
        if variable.startswith(prefix):
            pid, _, rest = variable[len(prefix) :].decode(errors="replace").partition("|")
            parts = rest.split("|")
            if pid.isdigit() and len(parts) == 3:  # noqa: PLR2004 - as `_mark` writes them
                return Owner(int(pid), *parts)
    return None


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
