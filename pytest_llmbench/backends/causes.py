"""Causes of failed starts that an engine's log tells, in half a sentence for the person at the terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["COMMON", "find_cause"]

COMMON: Mapping[str, str] = {
    r"CUDA out of memory|cudaMalloc failed: out of memory|HIP out of memory|OutOfMemoryError": (
        "the GPU has too little free memory"
    ),
    r"bad_alloc|failed to allocate .*buffer|Cannot allocate memory": "there is too little memory",
    r"No space left on device.*/dev/shm|/dev/shm.*No space left on device|[Bb]us error"
    r"|Insufficient space in /dev/shm": "shared memory is too small: raise shm-size",
    r"[Aa]ddress already in use|couldn't bind (?:to )?HTTP server socket": "its port is taken",
    # The first process of a container of ours says so.
    r"FATAL tini .*exec .* failed: No such file": "the image does not have the engine's program",
    r"no kernel image is available": "the engine was not built for this GPU",
    r"CUDA driver version is insufficient|forward compatibility was attempted": (
        "the GPU driver is too old for the engine"
    ),
    r"unrecognized arguments?|invalid argument|unknown argument|while handling argument": (
        "an engine argument is wrong"
    ),
    r"No space left on device": "the disk is full",
}
"""Regular expressions for a line of a log, most telling first, and what such a line means."""


def find_cause(log: Sequence[str], known: Mapping[str, str] = COMMON) -> str | None:
    """Return what the first pattern that matches a line of the log means; None if none does."""
    for pattern, meaning in known.items():
        if any(re.search(pattern, line) for line in log):
            return meaning
    return None
