"""What goes on beside the streams of a load, a few times a second."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_llmbench.client.plan import Replies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_llmbench.client.plan import Progress, Timeouts
    from pytest_llmbench.client.trace import RequestTrace
    from pytest_llmbench.client.transport import Transport

__all__ = ["ClockWatch", "report_progress", "tell_replies", "watch_silence"]

_PROGRESS_SECONDS = 0.5
_SILENCE_SECONDS = 0.1
_CLOCK_SECONDS = 1.0
# Between two readings the process may lose its core: that is no step. Closer than so (ns) is close enough.
_OFFSET_TRIES, _CLOSE = 10, 10_000


async def report_progress(progress: Callable[[], Progress], on_progress: Callable[[Progress], None]) -> None:
    """Tell how far a load is, again and again, until cancelled."""
    while True:
        on_progress(progress())
        await asyncio.sleep(_PROGRESS_SECONDS)


async def tell_replies(ended: Callable[[], RequestTrace | None], tell: Callable[[Replies], None]) -> None:
    """Tell of replies that have ended, again and again, until cancelled; `ended` gives one at a time.

    Between two of them the streams have their turn: decoding one takes about a millisecond.
    """
    while True:
        await asyncio.sleep(_PROGRESS_SECONDS)
        traces = []
        while (trace := ended()) is not None:
            traces.append(trace)
            await asyncio.sleep(0)
        if traces:
            tell(Replies(tuple(traces)))


async def watch_silence(streams: Sequence[Transport], timeouts: Timeouts) -> None:
    """Give up on streams that have been silent for too long, until cancelled.

    One look at all of them ten times a second costs less than a timer for every chunk.
    """
    if timeouts.first is None and timeouts.gap is None:
        return
    while True:
        await asyncio.sleep(_SILENCE_SECONDS)
        now = time.time_ns()
        for stream in streams:
            stream.give_up_if_silent(now)


class ClockWatch:
    """Notices a clock that is set: the stamps on both sides of the step are not of one time."""

    def __init__(self) -> None:
        self._samples: list[tuple[int, int]] = []

    async def watch(self) -> None:
        """Note the offset of the two clocks, once a second, until cancelled."""
        while True:
            self._sample()
            await asyncio.sleep(_CLOCK_SECONDS)

    def _sample(self) -> None:
        self._samples.append(_offset())

    def largest_step(self, began: int, ended: int) -> float:
        """Largest change (s) between neighbouring samples, of those that touch the window."""
        self._sample()
        steps = [
            abs(after[1] - before[1])
            for before, after in pairwise(self._samples)
            if after[0] >= began and before[0] <= ended
        ]
        return max(steps, default=0) * 1e-9


def _offset() -> tuple[int, int]:
    """The real time and its offset to the monotonic clock, read as close together as can be."""
    tries = []
    for _ in range(_OFFSET_TRIES):
        before, now, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        tries.append((after - before, now, now - (before + after) // 2))
        if after - before < _CLOSE:
            break
    _, now, offset = min(tries)
    return now, offset
