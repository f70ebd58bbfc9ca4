"""What tests of more than one package share."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

import pytest
import yaml  # noqa: F401 - libyaml knows the classes of its first import only, so no run may be the first

from pytest_llmbench.records import EnvironmentRecord, ResultRecord, SessionRecord
from pytest_llmbench.shared_files import LOCK_FOLDER
from tests.llama_program import write_program
from tests.never_late import lift_limits
from tests.records import result_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session", autouse=True)
def _own_locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take turns with nobody else on this host: its other sessions measure nothing that is ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LOCK_FOLDER, str(tmp_path_factory.getbasetemp() / "locks"))
        yield


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a cache for builtin models that is filled once, and is not the user's."""
    return tmp_path_factory.getbasetemp() / "models"


@pytest.fixture(scope="session")
def llama_program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a `llama-server` to start as a local process: the one on PATH, else the wheel's."""
    return shutil.which("llama-server") or str(write_program(tmp_path_factory.mktemp("bin") / "llama-server"))


@pytest.fixture
def never_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be late for one test."""
    lift_limits(monkeypatch.setattr)


def pytest_configure(config: pytest.Config) -> None:
    """Let Ctrl-C be heard, no example be too slow, and every run have the same ones: new ones are no news."""
    # What a shell runs in the background ignores Ctrl-C, and so would all the processes that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.pluginmanager.hasplugin("hypothesispytest"):
        from hypothesis import HealthCheck, settings  # noqa: PLC0415 - benchmarks run without it

        settings.register_profile(
            "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
        )
        settings.load_profile("steady")


@pytest.fixture(scope="session")
def make_result() -> Callable[..., ResultRecord]:
    """Give the maker of results."""
    return result_of


@pytest.fixture(scope="session")
def environment() -> EnvironmentRecord:
    """Give a host."""
    return EnvironmentRecord(
        os="Linux",
        kernel="6",
        cpu="CPU",
        cpu_cores=2,
        memory_bytes=1 << 34,
        hostname="host",
        versions={"python": "3.11"},
    )


@pytest.fixture(scope="session")
def session() -> SessionRecord:
    """Give a session that ended well."""
    return SessionRecord(
        id="20260102T030405.000Z-abcd",
        started_at="2026-01-02T03:04:05Z",
        ended_at="2026-01-02T03:05:05Z",
        command="pytest -m bench",
        server_starts=1,
    )
