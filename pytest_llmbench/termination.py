"""SIGTERM ends us as Ctrl-C does: servers are stopped, what had finished is kept. What signals are called."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["Terminated", "ending_on_sigterm", "signal_name"]


class Terminated(KeyboardInterrupt):
    """SIGTERM came: a job was cancelled, ran past its time, or its host shuts down."""


@contextlib.contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Raise `Terminated` in the main thread where SIGTERM would end the process at once, its servers left.

    Whoever handles it already keeps it, and so does a thread that is not the main one: no other may.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated("SIGTERM")  # noqa: EM101 - all there is to say


def signal_name(number: int) -> str:
    """Name a signal: `SIGKILL`."""
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have no names
        return f"signal {number}"
