"""Waking up at a moment, to microseconds.

asyncio's timers are those of the selector, and epoll counts in milliseconds: a request due now would start up
to one late. Linux has timers that are files (timerfd), exact to what the scheduler gives.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import heapq
import os
import sys
import time
from itertools import count
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Alarm"]

_CLOCK_MONOTONIC = 1
_TFD_NONBLOCK, _TFD_CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
_TFD_TIMER_ABSTIME = 1
_NS = 1_000_000_000
# Without timerfd: asyncio sleeps until then (ns) before the moment, and polls the rest of the way.
_POLLED = 1_500_000


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("it_interval", _Timespec), ("it_value", _Timespec))


class Alarm:
    """Wakes coroutines at given moments; a context manager, for it holds a descriptor."""

    def __init__(self) -> None:
        self._due: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = count()  # futures cannot be compared
        self._loop = asyncio.get_running_loop()
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._timer = -1
        self._polling: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        if self._libc is not None:
            # os.timerfd_create came with Python 3.13.
            self._timer = self._libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK | _TFD_CLOEXEC)
        if self._timer >= 0:
            self._loop.add_reader(self._timer, self._ring)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._polling is not None:
            self._polling.cancel()
        if self._timer >= 0:
            self._loop.remove_reader(self._timer)
            os.close(self._timer)

    async def wait_until(self, moment: int) -> None:
        """Return at `moment` (ns, CLOCK_REALTIME), or at once if it has passed.

        The clock is read once, here: a clock that is set meanwhile moves nothing.
        """
        left = moment - time.time_ns()
        if left <= 0:
            return
        at = time.monotonic_ns() + left
        future: asyncio.Future[None] = self._loop.create_future()
        heapq.heappush(self._due, (at, next(self._numbers), future))
        if self._due[0][2] is future:
            self._set(at)
        await future

    def _set(self, at: int) -> None:
        if self._timer < 0:
            if self._polling is not None:
                self._polling.cancel()
            left = at - time.monotonic_ns() - _POLLED
            self._polling = self._loop.call_later(max(0, left) / _NS, self._ring)
            return
        assert self._libc is not None  # noqa: S101 - there is a timer
        spec = _Itimerspec(_Timespec(0, 0), _Timespec(*divmod(at, _NS)))
        self._libc.timerfd_settime(self._timer, _TFD_TIMER_ABSTIME, ctypes.byref(spec), None)

    def _ring(self) -> None:
        if self._timer >= 0:
            with contextlib.suppress(BlockingIOError):
                os.read(self._timer, 8)
        now = time.monotonic_ns()
        while self._due and self._due[0][0] <= now:
            _, _, future = heapq.heappop(self._due)
            if not future.done():
                future.set_result(None)
        if self._due:
            self._set(self._due[0][0])
