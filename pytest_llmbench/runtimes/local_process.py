"""An engine as a local process of ours: starting it behind its guard, and its end."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING

from pytest_llmbench.runtimes.child_process import ended, open_log
from pytest_llmbench.runtimes.found_processes import GRACE_SECONDS, FoundProcess, kill_family
from pytest_llmbench.runtimes.marks import KEEP, VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_llmbench.runtimes.marks import Mark

__all__ = ["LocalProcess"]

_GUARD = "pytest_llmbench.runtimes.guard"


class LocalProcess:
    """An engine behind a guard that ends it, with all it started, as soon as we are gone.

    Raises:
        StorageError: the log cannot be written.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        log: Path,
        mark: Mark,
        cores: Sequence[int] = (),
    ) -> None:
        self._mark, self._stopped = mark, False
        with open_log(log) as output:
            self._guard = subprocess.Popen(
                [sys.executable, "-P", "-m", _GUARD, ",".join(map(str, cores)), *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**env, VARIABLE: mark.text()},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The guard's process id; the engine is its child."""
        return self._guard.pid

    def exited(self) -> str | None:
        """Say how the engine ended, or that it was stopped; None while it runs."""
        return ended(self._guard)

    def keep(self) -> FoundProcess:
        """Let the engine outlive us: it is then what anybody else would find, and no child of ours to end."""
        self._stopped = True
        assert self._guard.stdin is not None  # noqa: S101 - asked for above
        with contextlib.suppress(OSError):  # it has ended, which `exited` tells
            self._guard.stdin.write(KEEP)
            self._guard.stdin.close()
        # It is not to be waited for; Python would warn of that.
        self._guard.returncode = 0
        return FoundProcess(self._mark, (self.pid,))

    def stop(self) -> None:
        """End the engine and everything it started. Safe to call twice; never raises."""
        if self._stopped:
            return
        self._stopped = True
        assert self._guard.stdin is not None  # noqa: S101 - asked for above
        with contextlib.suppress(OSError):
            self._guard.stdin.close()
        try:
            self._guard.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:  # a guard that was stopped itself
            kill_family(self.pid)
            self._guard.wait()
