"""The process between us and an engine: `python -m pytest_llmbench.runtimes.guard CORES PROGRAM ...`.

It starts the engine and ends it, with everything the engine started, when its standard input closes: the
other end is a pipe that only the process that measures holds, so an engine does not outlive it, however it
went. Told there to keep the engine, it stays without that process. SIGTERM ends it in either case. What the
engine's processes leave behind when they die becomes a child of the guard, so nothing gets away. Ends as the
engine did: with its exit code, or by the same signal.

Kept apart and light: nothing else of the package is needed here but the list of a process's children, and
the mark that every process of a server has.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time

from pytest_llmbench.runtimes.activity import family, stands_still
from pytest_llmbench.runtimes.marks import KEEP, VARIABLE, Mark
from pytest_llmbench.runtimes.owner import this_process

__all__ = ["end_family", "main"]

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_GRACE_SECONDS = 10.0
_LOOK_SECONDS = 0.1


def main() -> int:
    """Run the engine until it ends or we are told to; return its exit code."""
    cores, *command = sys.argv[1:]
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    if cores:
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    try:
        engine = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **_marked()},
            start_new_session=True,
            # This process has one thread, so it may run code between fork and exec.
            preexec_fn=lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),  # noqa: PLW1509
        )
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror or error}\n")
        return 127
    code = _wait(engine, asked)
    end_family(os.getpid())
    if code < 0:
        with contextlib.suppress(OSError):  # SIGKILL has no handler to take away
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def end_family(pid: int) -> None:
    """Kill everything below a process, and what that becomes the parent of, until nothing is left."""
    # What holds gigabytes takes a while to die.
    deadline = time.monotonic() + _GRACE_SECONDS
    while time.monotonic() < deadline:
        below = [child for child in family(pid) if child != pid]
        if not below:
            return
        for child in below:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(_LOOK_SECONDS / 5)


def _wait(engine: subprocess.Popen[bytes], asked: list[int]) -> int:
    """Wait for the engine; ask it to end once we are asked to, or whoever started us is gone; then insist."""
    deadline: float | None = None
    kept = False
    while (code := engine.poll()) is None:
        if deadline is None:
            said = None if kept else _heard()
            kept = kept or said == KEEP
            if asked or said == b"":
                engine.terminate()
                # One that was stopped (SIGSTOP) cannot do what it is asked.
                deadline = time.monotonic() + (0 if stands_still(engine.pid) else _GRACE_SECONDS)
            elif kept:
                time.sleep(_LOOK_SECONDS)
        elif time.monotonic() > deadline:
            engine.kill()
            deadline += _GRACE_SECONDS
        else:
            time.sleep(_LOOK_SECONDS / 2)
    return code


def _heard() -> bytes | None:
    """Return what comes in at standard input within a moment: nothing at all, or its end (empty)."""
    return os.read(0, len(KEEP)) if select.select([0], [], [], _LOOK_SECONDS)[0] else None


def _marked() -> dict[str, str]:
    mark = Mark.read(os.environ.get(VARIABLE, ""))
    return {VARIABLE: mark.behind(this_process()).text()} if mark else {}


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
