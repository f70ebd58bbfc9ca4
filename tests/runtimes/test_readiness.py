from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import ServerStartError
from pytest_llmbench.runtimes import readiness
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.readiness import read_log, wait_until_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


def wait(
    context: StartContext, probe: Callable[[], str | None], exited: Callable[[], str | None] = lambda: None
) -> str:
    """Wait for a probe, with the whole log as telling lines."""

    def whole(log: Sequence[str]) -> list[str]:
        return list(log)

    return wait_until_ready(probe, exited, context, what="cell", telling=whole)


def test_returns_what_the_probe_found(tmp_path: Path) -> None:
    """The first answer that is not None is returned."""
    answers = iter([None, None, "ready"])
    assert wait(StartContext(tmp_path / "log"), lambda: next(answers)) == "ready"


def test_exit_comes_before_health(tmp_path: Path) -> None:
    """A process that ended is not asked any more, and its log is told."""
    log = tmp_path / "log"
    log.write_text("the cause\n")

    def never() -> str | None:
        pytest.fail("a dead server was asked")

    with pytest.raises(ServerStartError) as caught:
        wait(StartContext(log), never, lambda: "it exited with code 1")
    assert str(caught.value) == f"cell did not start: it exited with code 1\n  | the cause\nwhole log: {log}"


def test_no_progress_ends_the_wait(tmp_path: Path) -> None:
    """A log that stops growing ends the wait, though the total is far off."""
    with pytest.raises(ServerStartError, match=r"no progress for 0.1 s"):
        wait(StartContext(tmp_path / "log", stall_timeout=0.1, total_timeout=1e6), lambda: None)


def test_growing_log_is_progress_until_the_total(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that keeps growing holds the stall off, and the total ends the wait."""
    passed = [0.0]
    clock = SimpleNamespace(monotonic=lambda: sum(passed), sleep=passed.append)
    monkeypatch.setattr(readiness, "time", clock)
    log = tmp_path / "log"

    def grow() -> None:
        with log.open("a") as file:
            file.write("loading\n")

    with pytest.raises(ServerStartError, match=r"not ready after 1 s"):
        wait(StartContext(log, stall_timeout=0.6, total_timeout=1), grow)


def test_only_the_end_of_a_huge_log_is_read(tmp_path: Path) -> None:
    """A log of any size costs a bounded read, and a missing one is empty."""
    log = tmp_path / "log"
    log.write_bytes(b"x" * 79 + b"\n" + b"\xff noise\n" * 100_000 + b"end\n")
    lines = read_log(log)
    assert lines[-1] == "end"
    assert len(lines) < 40_000
    assert read_log(tmp_path / "none") == []
