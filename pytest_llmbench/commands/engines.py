"""What pytest knows of a project: commands ask it, so that they and `pytest -m bench` agree.

Its engines come by a hook, its options from the environment, an ini file, `conftest.py` and plugins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import pytest

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.errors import UsageError
from pytest_llmbench.planning import add_backends

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_llmbench.backends.base import Backend

__all__ = ["ask_pytest", "engines"]

T = TypeVar("T")

# Nothing is captured, rewritten or written: only plugins and conftest.py are loaded.
_ARGUMENTS = ("--capture=no", "--assert=plain", "-p", "no:cacheprovider")


def ask_pytest(question: Callable[[pytest.Config], T], *options: str) -> T:
    """Return the answer of pytest's configuration, were it run in this folder with these options.

    The project's engines are known by then.

    Raises:
        UsageError: pytest cannot load a plugin or `conftest.py`, and has said why; or the name of an engine
            is taken; or an option is wrong.
    """
    asking = _Asking(question)
    if pytest.main([*_ARGUMENTS, *options], plugins=[asking]) != pytest.ExitCode.OK:
        message = "pytest cannot be set up in this folder, which is how a project adds engines: see above"
        raise UsageError(message)
    return asking.answer


def engines() -> Mapping[str, Backend]:
    """Return every engine that `pytest` would know, were it run in this folder; as `ask_pytest`.

    Those that are built in, and what the hook `pytest_llmbench_backends` adds in `conftest.py`, in installed
    plugins, and in those that pytest's own configuration names (`-p`, `PYTEST_PLUGINS`).
    """
    return ask_pytest(lambda _config: BACKENDS)


class _Asking(Generic[T]):
    """Stands in for what pytest would do next."""

    answer: T

    def __init__(self, question: Callable[[pytest.Config], T]) -> None:
        self._question = question

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> pytest.ExitCode:
        """Answer instead of running tests."""
        add_backends(config)
        self.answer = self._question(config)
        return pytest.ExitCode.OK
