from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


def test_records_a_baseline(project: Project, mode: list[str]) -> None:
    """One document a cell, with this session's values; the summary says how to compare."""
    left = project("--bench-save=main", "--bench-workload=tiny,other", *mode)
    assert left.code == 0, left.out
    cells = left.baseline()
    assert set(cells) == {result["cell"] for result in left.results}
    assert all(list(cell["sessions"]) == [left.report["session"]["id"]] for cell in cells.values())
    assert "baseline 'main': 2 cells saved; compare with --bench-compare=main" in left.out


def test_adds_sessions(project: Project) -> None:
    """A second session joins the first."""
    project("--bench-save=main")
    left = project("--bench-save=main")
    (cell,) = left.baseline().values()
    assert len(cell["sessions"]) == 2


def test_takes_nothing_invalid(project: Project, engine: FakeEngine) -> None:
    """What measured nothing cannot be a baseline, and the summary says that nothing was saved."""
    engine.behaviour = "fail"
    left = project("--bench-save=main")
    assert left.code == 1
    assert left.baseline() == {}
    assert "baseline 'main': nothing saved: no valid result" in left.out


@pytest.mark.parametrize("value", ["", "a/b", "x.json", "-x", "no spaces"])
def test_refuses_what_is_no_name(project: Project, value: str) -> None:
    """Names become folders."""
    project(f"--bench-save={value}").usage_error("--bench-save" if not value else "cannot name a baseline")
