"""Telling the person at the terminal how far something is, and what it waits for."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_llmbench.runtimes.exclusive import Host

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Showing", "in_turn", "terminal_width", "wants_color"]

_LONGEST_WAIT = 86400.0

_WIDEST = 120


def terminal_width() -> int:
    """Columns to fill with tables."""
    return min(shutil.get_terminal_size().columns, _WIDEST)


def wants_color() -> bool:
    """Whether standard output is for a person who has not said otherwise."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Showing:
    """Shows one line that changes, on standard error; where that is no terminal, a line for each new step.

    To be called with short texts such as `pulling x · 10 MiB of 2.0 GiB`, of which what stands before the
    first ` · ` is the step.
    """

    def __init__(self) -> None:
        self._step = ""
        self._terminal = sys.stderr.isatty()

    def __call__(self, text: str) -> None:
        """Show a text in place of the last one."""
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r\x1b[K{text[:width]}")
        elif (step := text.partition(" · ")[0]) != self._step:
            self._step = step
            sys.stderr.write(f"{step}\n")
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


@contextmanager
def in_turn(what: str) -> Iterator[Showing]:
    """Do what would disturb a measurement while nobody on this host measures, and show how far it is.

    Raises:
        ServerError: somebody measured for a day.
    """
    showing = Showing()
    try:
        with Host(showing, _LONGEST_WAIT).loading(what):
            yield showing
    finally:
        showing.clear()
