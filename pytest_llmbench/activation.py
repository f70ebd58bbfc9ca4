"""From options to the objects that do the work, once benchmarks were asked for."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.fixtures import SESSION
from pytest_llmbench.outcomes import usage_errors
from pytest_llmbench.planning import add_backends, read_plan
from pytest_llmbench.progress import ProgressLine
from pytest_llmbench.reporting import Reporting, SessionJunit
from pytest_llmbench.session import Session
from pytest_llmbench.spec.show import show
from pytest_llmbench.termination import ending_on_sigterm

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pytest_llmbench.settings import Settings

__all__ = ["activate", "show_configuration"]


def activate(config: pytest.Config, settings: Settings) -> tuple[Session, Reporting | None]:
    """Read the configuration and make what the hooks work with; there is no reporting on xdist's workers.

    Raises:
        pytest.UsageError: the configuration or an option is wrong.
    """
    worker_input = getattr(config, "workerinput", None)
    servers = Path(worker_input["llmbench_servers"]) if worker_input else None
    worker = worker_input["workerid"] if worker_input else ""
    with usage_errors(settings):
        add_backends(config)
        session = Session(
            settings,
            config.rootpath,
            servers_folder=lambda: servers or reporting.folder.servers,
            progress=ProgressLine(_uncaptured(config), worker=worker),
            is_worker=servers is not None,
        )
    signals = contextlib.ExitStack()
    signals.enter_context(ending_on_sigterm())
    config.add_cleanup(signals.close)
    reporting = Reporting(session, config.rootpath)
    config.stash[SESSION] = session
    if servers is not None:
        return session, None
    config.pluginmanager.register(SessionJunit(reporting), "llmbench-junit")
    return session, reporting


def show_configuration(config: pytest.Config, settings: Settings) -> int:
    """Print every deployment's values and their origins.

    Raises:
        pytest.UsageError: the configuration or an option is wrong.
    """
    with usage_errors(settings):
        add_backends(config)
        plan = read_plan(settings, config.rootpath)[0].require_some()
    print(show(plan), settings.describe(), sep="\n\n")  # noqa: T201 - what was asked for
    return int(pytest.ExitCode.OK)


def _uncaptured(config: pytest.Config) -> Callable[[], AbstractContextManager[None]]:
    """Return what suspends pytest's capturing of output."""

    def uncaptured() -> AbstractContextManager[None]:
        capture = config.pluginmanager.get_plugin("capturemanager")
        return capture.global_and_fixture_disabled() if capture else contextlib.nullcontext()

    return uncaptured
