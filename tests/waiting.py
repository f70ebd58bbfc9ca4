"""Waiting for what other processes do, for as long as a busy machine may take, but not for ever."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["until"]

T = TypeVar("T")


def until(question: Callable[[], T | None], seconds: float = 200.0) -> T:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := question()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found
