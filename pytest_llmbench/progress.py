"""Telling the person at the terminal how far a start or a measurement is.

On a terminal, one line below pytest's own that is written over; elsewhere a line every ten seconds, so that a
CI log shows that something is going on and what. Of several workers each tells only what it waits for.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pytest_llmbench.client.plan import Progress

__all__ = ["ProgressLine"]

_LIVE_EVERY = 0.2
_QUIET_EVERY = 10.0
_WIDTH = 110
_WAY_OUT = "Ctrl-C ends it, --bench-wait-timeout bounds it"

# pytest is in the middle of a line of its own ("test_latency.py .s") and must find the cursor where it left
# it: make room below (IND scrolls at the bottom and keeps the column), come back, remember, go down, clear.
_BELOW = "\x1bD\x1b[A\x1b7\x1bD\r\x1b[K"
_BACK = "\x1b8"


class ProgressLine:
    """Shows one activity at a time.

    `uncaptured` gives a context in which standard error is the user's own. `worker` names one of several
    processes that write to the same terminal.
    """

    def __init__(
        self,
        uncaptured: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        worker: str = "",
    ) -> None:
        self._uncaptured = uncaptured
        self._stream = stream
        self._clock = clock
        self._worker = worker
        self._began = self._shown = clock()
        self._dirty = False

    def begin(self) -> None:
        """Start the clock of a new activity."""
        self._began = self._shown = self._clock()

    def show(self, text: str) -> None:
        """Say what is going on; the time since it began is added."""
        if not self._worker:
            self._write(text)

    def waiting(self, text: str) -> None:
        """Say what is waited for, and how to end that."""
        self._write(f"[{self._worker}] {text}" if self._worker else text, f" ({_WAY_OUT})")

    def _write(self, text: str, hint: str = "") -> None:
        now = self._clock()
        if now - self._shown < _LIVE_EVERY:
            return
        line = f"{text} · {now - self._began:.0f} s{hint}"
        with self._uncaptured():
            stream = self._stream or sys.stderr
            live = stream.isatty() and not self._worker
            if not live and now - self._shown < _QUIET_EVERY:
                return
            self._shown, self._dirty = now, live
            stream.write(f"{_BELOW}  {line[:_WIDTH]}{_BACK}" if live else f"\n  {line}\n")
            stream.flush()

    def measuring(self, what: str, run: int, runs: int, progress: Progress) -> None:
        """Say how far a measurement is and when it will be over."""
        done = (run - 1) * progress.total + progress.finished
        total = runs * progress.total
        parts = [f"{what}: {done}/{total} requests"]
        if progress.failed:
            parts.append(f"{progress.failed} failed")
        if done:
            left = (self._clock() - self._began) * (total - done) / done
            parts.append(f"{left:.0f} s left")
        self.show(" · ".join(parts))

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self._dirty:
            with self._uncaptured():
                stream = self._stream or sys.stderr
                stream.write(f"{_BELOW}{_BACK}")
                stream.flush()
            self._dirty = False
