"""CPU time of the client, in however many processes it runs."""

from __future__ import annotations

import contextlib
import os
import resource
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["descendants_seconds", "tree_seconds"]

# Fields of /proc/PID/stat after the command's closing parenthesis, which is the only safe place to start
# counting: a command may hold blanks and parentheses of its own.
_PARENT, _FIRST_TIME, _AFTER_TIMES = 1, 11, 15


def tree_seconds(*, without: Collection[int] = ()) -> float:
    """CPU seconds of this process and all its descendants, living or waited for, except those in `without`.

    Linux only, and of living descendants to 10 ms each.
    """
    seconds = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        seconds += usage.ru_utime + usage.ru_stime
    return seconds + descendants_seconds(os.getpid(), without=without)


def descendants_seconds(root: int, *, without: Collection[int] = ()) -> float:
    """CPU seconds of what descends from `root`, and of what those have waited for."""
    children = _living()
    todo = [root]
    ticks = 0
    while todo:
        for child, used in children[todo.pop()]:
            if child not in without:
                ticks += used
                todo.append(child)
    return ticks / os.sysconf("SC_CLK_TCK")


def _living() -> dict[int, list[tuple[int, int]]]:
    """Parent → (child, its own ticks and those of children it waited for)."""
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # it has just ended
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                ticks = sum(map(int, fields[_FIRST_TIME:_AFTER_TIMES]))
                found[int(fields[_PARENT])].append((int(folder.name), ticks))
    return found
