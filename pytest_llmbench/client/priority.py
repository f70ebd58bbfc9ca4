"""Real-time priority and a core of its own while a window is open, where the system permits it."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["own_cores", "real_time"]

_ENOUGH_CORES = 4


@contextlib.contextmanager
def real_time() -> Iterator[bool]:
    """Run before everything else that wants a core, and say whether that was granted.

    A reader that waits for a core reads several chunks at once and knows the arrival of the last only.
    Linux grants it to root, with CAP_SYS_NICE or within RLIMIT_RTPRIO; it keeps 5 % of each core for others
    even then, and the reader mostly sleeps. Children do not inherit it.
    """
    if not hasattr(os, "sched_setscheduler"):
        yield False
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    # Set on the way back too: only root may clear it, and its refusal would leave the priority as it is.
    reset_on_fork = getattr(os, "SCHED_RESET_ON_FORK", 0)
    try:
        os.sched_setscheduler(
            0, os.SCHED_FIFO | reset_on_fork, os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO))
        )
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, policy | reset_on_fork, parameters)


@contextlib.contextmanager
def own_cores(among: Collection[int], process: int | None) -> Iterator[tuple[int, ...]]:
    """Stay on some cores, and say on which if it is one of its own: the `process`-th of them from the last.

    `among` are those to stay on, empty for all. A reader that moves finds its caches cold. With few cores the
    scheduler places it better; and without priority over what else is on its core (`process` is None), it
    must be able to move.
    """
    permitted = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    cores = permitted & set(among) or permitted
    one = process is not None and len(permitted) >= _ENOUGH_CORES
    if process is not None and one:
        cores = {sorted(cores, reverse=True)[process % len(cores)]}
    try:
        if cores != permitted:
            os.sched_setaffinity(0, cores)
    except OSError:
        yield ()
        return
    try:
        yield tuple(cores) if one else ()
    finally:
        if cores != permitted:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, permitted)
