"""SIGTERM as an interrupt: who gets it, and who keeps what he had."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from pytest_llmbench.termination import Terminated, ending_on_sigterm


def test_it_interrupts_as_ctrl_c_does() -> None:
    """Whoever cleans up after Ctrl-C cleans up after it, too; afterwards it ends a process at once again."""
    with pytest.raises(KeyboardInterrupt) as ended, ending_on_sigterm():
        signal.raise_signal(signal.SIGTERM)
    assert isinstance(ended.value, Terminated)
    assert str(ended.value) == "SIGTERM"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_who_handles_it_already_keeps_it() -> None:
    """Another plugin, or the program that runs pytest."""
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: came.append(number))
    try:
        with ending_on_sigterm():
            os.kill(os.getpid(), signal.SIGTERM)
        assert came == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_no_other_thread_takes_it() -> None:
    """Python lets only the main one: pytest in a thread works without."""
    found: list[object] = []

    def look() -> None:
        with ending_on_sigterm():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL]
