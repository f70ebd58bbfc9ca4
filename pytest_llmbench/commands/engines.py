"""The engines that a project adds: pytest knows them by a hook, commands ask pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.errors import UsageError
from pytest_llmbench.planning import add_backends

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.backends.base import Backend

__all__ = ["engines"]

# Nothing is captured, rewritten or written: only plugins and conftest.py are loaded.
_ARGUMENTS = ("--capture=no", "--assert=plain", "-p", "no:cacheprovider")


def engines() -> Mapping[str, Backend]:
    """Return every engine that `pytest` would know, were it run in this folder.

    Those that are built in, and what the hook `pytest_llmbench_backends` adds in `conftest.py`, in installed
    plugins, and in those that pytest's own configuration names (`-p`, `PYTEST_PLUGINS`).

    Raises:
        UsageError: pytest cannot load one of them, and has said why; or the name of an engine is taken.
    """
    if pytest.main([*_ARGUMENTS], plugins=[_Asking()]) != pytest.ExitCode.OK:
        message = "pytest cannot be set up in this folder, which is how a project adds engines: see above"
        raise UsageError(message)
    return BACKENDS


class _Asking:
    """Stands in for what pytest would do next."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> pytest.ExitCode:
        """Ask the hook instead of running tests."""
        add_backends(config)
        return pytest.ExitCode.OK
