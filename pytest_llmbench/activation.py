"""From options to the objects that do the work, once benchmarks were asked for."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import LLMBenchError
from pytest_llmbench.fixtures import SESSION
from pytest_llmbench.plugin import Active, ActiveUnderXdist
from pytest_llmbench.progress import ProgressLine
from pytest_llmbench.reporting import Reporting, SessionJunit
from pytest_llmbench.session import Session, read_plan
from pytest_llmbench.spec.show import show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pytest_llmbench.settings import Settings

__all__ = ["activate", "show_configuration"]


def activate(config: pytest.Config, settings: Settings) -> None:
    """Read the configuration and register the hooks that work with it.

    Raises:
        pytest.UsageError: the configuration or an option is wrong.
    """
    worker_input = getattr(config, "workerinput", None)
    servers = Path(worker_input["llmbench_servers"]) if worker_input else None
    with _usage_errors():
        session = Session(
            settings,
            config.rootpath,
            servers_folder=lambda: servers or reporting.folder.servers,
            progress=ProgressLine(None if servers else _uncaptured(config)),
        )
    reporting = Reporting(session, config.rootpath)
    config.stash[SESSION] = session
    plugins = config.pluginmanager
    plugins.register(Active(session, None if servers else reporting), "llmbench-active")
    if servers is None:
        plugins.register(SessionJunit(reporting), "llmbench-junit")
        if plugins.has_plugin("xdist"):
            plugins.register(ActiveUnderXdist(session, reporting), "llmbench-xdist")


def show_configuration(config: pytest.Config, settings: Settings) -> int:
    """Print every deployment's values and their origins.

    Raises:
        pytest.UsageError: the configuration or an option is wrong.
    """
    with _usage_errors():
        plan, _ = read_plan(settings, config.rootpath)
    print(show(plan), settings.describe(), sep="\n\n")  # noqa: T201 - what was asked for
    return int(pytest.ExitCode.OK)


def _uncaptured(config: pytest.Config) -> Callable[[], AbstractContextManager[None]]:
    """Return what suspends pytest's capturing of output."""

    def uncaptured() -> AbstractContextManager[None]:
        capture = config.pluginmanager.get_plugin("capturemanager")
        return capture.global_and_fixture_disabled() if capture else contextlib.nullcontext()

    return uncaptured


@contextlib.contextmanager
def _usage_errors() -> Iterator[None]:
    """Everything that can be wrong before a test runs is something the user can mend: exit code 4."""
    try:
        yield
    except LLMBenchError as error:
        raise pytest.UsageError(str(error)) from error
