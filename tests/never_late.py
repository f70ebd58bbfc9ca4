"""A machine on which nothing is ever late, for tests of everything else than lateness.

A client that had to wait for a core says so: its result is invalid, or lacks a percentile. That is right and
has tests of its own (`metrics/test_validity.py`); elsewhere it would fail tests of what is right, too. As a
pytest plugin this does the same for runs in processes of their own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_llmbench.metrics import validity

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["lift_limits"]

_LIMITS = ("LATE_SECONDS", "MAX_CLOCK_STEP", "MAX_CPU_SHARE", "MAX_SEND_DELAY", "MAX_TTFT_SHIFT")


def lift_limits(put: Callable[[object, str, object], None] = setattr) -> None:
    """Call no measurement of this process late; `put` may be what puts the limits back afterwards."""
    for name in _LIMITS:
        getattr(validity, name)
        put(validity, name, math.inf)


def pytest_configure() -> None:
    """Lift them in a process that loads this with `-p`."""
    lift_limits()
