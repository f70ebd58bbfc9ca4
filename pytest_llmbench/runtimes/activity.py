"""What a process and its children are doing: reading and filling memory, or nothing at all."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["STOPPED", "activity", "family", "memory_kills", "stands_still"]

_GRAIN = 16 * 2**20

STOPPED = "the server was stopped (SIGSTOP) and stands still"
"""What is said of a server that `stands_still`."""


def activity(pid: int) -> tuple[int, int]:
    """Return the resident memory and the bytes read of a process and its descendants, in steps of 16 MiB.

    Computing alone does not count: a server that spins is not on its way. Zeros where it cannot be seen.
    """
    resident = read = 0
    for one in family(pid):
        resident += _number(Path(f"/proc/{one}/status"), "VmRSS:") * 1024
        read += _number(Path(f"/proc/{one}/io"), "rchar:")
    return resident // _GRAIN, read // _GRAIN


def family(pid: int) -> Iterator[int]:
    """List a process and its descendants, as far as they can be seen."""
    if pid <= 0:
        return
    yield pid
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return
    for thread in threads:
        with contextlib.suppress(OSError):  # one that ends meanwhile hides no other's children
            for child in (thread / "children").read_text("utf-8").split():
                yield from family(int(child))


def stands_still(pid: int) -> bool:
    """Whether a process or a descendant of it was stopped by a signal; False where they cannot be seen."""
    return any(_state(one) == "T" for one in family(pid))


def _state(pid: int) -> str:
    """Return a process's state as `ps` shows it; empty if there is none any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return ""


def memory_kills(pid: int) -> int:
    """Return how many processes the kernel killed in a process's group because its memory was used up.

    0 where that cannot be seen.
    """
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text("utf-8").splitlines()
    except OSError:
        return 0
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if "memory" in controllers.split(","):
            return _number(Path(f"/sys/fs/cgroup/memory{group}/memory.oom_control"), "oom_kill ")
        if not controllers:
            unified = _number(Path(f"/sys/fs/cgroup{group}/memory.events"), "oom_kill ")
            if unified:
                return unified
    return 0


def _number(path: Path, key: str) -> int:
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(key)), 0)
