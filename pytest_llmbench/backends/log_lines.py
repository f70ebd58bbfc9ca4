"""Choosing the lines of an engine's log that tell why it did not start."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["MOST_LINES", "last_lines", "matching_lines"]

MOST_LINES = 8

# What Python engines print after the cause, on their way out.
_NOISE = re.compile(
    r"nanobind: |^ - (?:leaked |\.\.\. skipped)|resource_tracker|^\s*warnings\.warn\(|"
    r"See https://nanobind|destroy_process_group\(\)"
)


def last_lines(log: Sequence[str]) -> list[str]:
    """Return the last lines that are neither blank nor known noise, at most eight."""
    return [line.rstrip() for line in log if line.strip() and not _NOISE.search(line)][-MOST_LINES:]


def matching_lines(log: Iterable[str], telling: re.Pattern[str], prefix: re.Pattern[str]) -> list[str]:
    """Return the first eight different lines that match `telling`, without what `prefix` matches.

    The first, because what follows an error is mostly others reporting it again.
    """
    found: dict[str, None] = {}
    for line in log:
        if telling.search(line):
            found[prefix.sub("", line).rstrip()] = None
    return list(found)[:MOST_LINES]
