"""Having enough file descriptors: every stream is one."""

from __future__ import annotations

import contextlib
import resource

from pytest_llmbench.errors import MeasurementError

__all__ = ["demand_descriptors", "raise_limit"]

_OTHERS = 64  # pipes, the selector, libraries


def raise_limit() -> None:
    """Take as many as the system gives: the usual soft limit of 1,024 is less than that many streams need."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS says "unlimited" and means less
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def demand_descriptors(streams: int) -> None:
    """Check that so many streams can be open at once.

    Raises:
        MeasurementError: they cannot; the message says how many can, and what raises the limit.
    """
    permitted, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if permitted != resource.RLIM_INFINITY and streams + _OTHERS > permitted:
        message = (
            f"{streams} streams need {streams + _OTHERS} file descriptors, {permitted} are permitted:"
            f" raise the hard limit (ulimit -Hn) or ask for at most {permitted - _OTHERS} streams"
        )
        raise MeasurementError(message)
