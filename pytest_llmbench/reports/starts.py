"""The list of a session's server starts, written as they happen: a killed worker reports none of its own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["count_starts", "note_start"]

_FILE = "starts.txt"


def note_start(folder: Path, name: str) -> None:
    """Note that a server was started, by the name of its log.

    Workers append to one file, each line in one call: none is lost or cut. On a full disk it is left out,
    which costs no measurement.
    """
    with contextlib.suppress(OSError), (folder / _FILE).open("ab", buffering=0) as file:
        file.write(f"{name}\n".encode())


def count_starts(folder: Path) -> int:
    """Return how many servers were started."""
    try:
        return (folder / _FILE).read_bytes().count(b"\n")
    except OSError:
        return 0
