"""`--bench-overlap`."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from pytest_llmbench.runtimes.exclusive import Host
from pytest_llmbench.slots import SlotFile
from tests.users import USER
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.plugin.conftest import Project


def test_neighbours_are_recorded_and_nothing_is_judged(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured beside others enters no baseline, and is compared with none."""
    monkeypatch.setenv("LLMBENCH_LOCK_DIR", str(tmp_path))
    assert project("--bench-save=main", own_process=True).code == 0
    arguments = ("--bench-overlap", "--bench-compare=main", "--bench-compare-fail=ttft.p50:0.0001%")
    with Host(print, 0, tmp_path).overlapping("measuring b"):
        left = project(*arguments, "--bench-save=other", own_process=True)
    assert left.code == 0, left.out
    assert left.result["neighbours"] == [f"measuring b (pid {os.getpid()}, {USER})"]
    assert left.result["verdict"]["verdict"] == "none"
    assert f"measured beside measuring b (pid {os.getpid()}, {USER})" in left.out
    assert "nothing saved" in left.out
    alone = project("--bench-overlap", own_process=True)
    assert alone.result["neighbours"] == []
    assert project(own_process=True).result["neighbours"] is None


def test_a_window_of_its_own_is_respected(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who overlaps still waits for who does not."""
    monkeypatch.setenv("LLMBENCH_LOCK_DIR", str(tmp_path))
    queue = SlotFile(tmp_path / "pytest-llmbench.queue", 1)
    order: list[str] = []

    def measured() -> None:
        order.append(f"code {project('--bench-overlap', own_process=True).code}")

    with Host(print, 0, tmp_path).measuring("measuring b"):
        other = threading.Thread(target=measured)
        other.start()
        until(lambda: queue.holders() or not other.is_alive())
        order.append("window closed")
    other.join()
    assert order == ["window closed", "code 0"]
