"""Real-time priority while a window is open, where the system permits it."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["real_time"]


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
