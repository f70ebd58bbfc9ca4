"""Hooks that a project's `conftest.py`, or another plugin, can implement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_llmbench.backends.base import Backend

__all__ = ["pytest_llmbench_backends"]


@pytest.hookspec
def pytest_llmbench_backends() -> Iterable[Backend]:  # type: ignore[empty-body]
    """Name further engines, for this session.

    Called once, when benchmarks were asked for and before the configuration is read: their names are then
    as good there as those of the built-in ones. A name that is taken is a usage error. Each is an object with
    what `pytest_llmbench.backends.base.Backend` says; `ServedBackend` has most of it for an engine that is
    started, `GenericBackend` for one that is only measured where it runs. Hooks of several plugins add up.

        def pytest_llmbench_backends():
            return [MyEngine()]

    `docs/engines.md` has a whole example.
    """
