"""`llmbench baseline`: what it prints, and what it leaves on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench import cli
from pytest_llmbench.baselines.store import BaselineStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_llmbench.records import EnvironmentRecord, ResultRecord

    MakeResult = Callable[..., ResultRecord]
    Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(tmp_path: Path, make_result: MakeResult, environment: EnvironmentRecord) -> BaselineStore:
    """Give baselines `main`, of three sessions, and `nightly`, of one."""
    store = BaselineStore(tmp_path / "baselines")
    for day in (1, 2, 3):
        store.save("main", f"s{day}", [make_result()], f"2026-11-0{day}T03:00:00Z", environment)
    store.save("nightly", "n1", [make_result(concurrency=8)], "2026-11-09T03:00:00Z", environment)
    return store


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Give a function that runs the command and returns code, output and complaints."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["baseline", "--results", str(tmp_path), *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_list_tells_of_every_baseline(store: BaselineStore, run: Run) -> None:
    """Cells, sessions and the days they are of; where there is none, how to record one."""
    assert run("list")[1].splitlines() == [
        "main: 1 cells, 3 sessions, 2026-11-01 to 2026-11-03",
        "nightly: 1 cells, 1 sessions, 2026-11-09 to 2026-11-09",
    ]
    for name in store.names():
        for file in (store.root / name).iterdir():
            file.unlink()
    assert "--bench-save=main records one" in run("list")[1]


def test_show_tells_cells_and_sessions(store: BaselineStore, run: Run, make_result: MakeResult) -> None:
    """Each session of each cell has a line with its day, replicates and version, oldest first."""
    assert store.names()
    code, out, _ = run("show", "main")
    assert code == 0
    assert out.splitlines()[1:3] == [make_result().cell, "  s1  2026-11-01T03:00  1 replicates  b1"]


def test_merge_adds_sessions(store: BaselineStore, run: Run) -> None:
    """The target has both, the source keeps its own; a second time changes nothing."""
    for _ in range(2):
        assert run("merge", "nightly", "main")[:2] == (
            0,
            "main: 2 cells, 4 sessions, 2026-11-01 to 2026-11-09; 1 of them from here\n",
        )
    assert len(store.load("nightly").cells) == 1
    run("merge", "main", "new")
    assert store.load("new").cells == store.load("main").cells


def test_prune_keeps_the_newest(store: BaselineStore, run: Run, make_result: MakeResult) -> None:
    """The others are gone from the files."""
    assert run("prune", "main", "--keep", "2")[0] == 0
    assert set(store.load("main").cells[make_result().cell]) == {"s2", "s3"}
    assert "0 entries dropped" in run("prune", "main", "--keep", "2")[1]


def test_mistakes_are_told_in_one_line(store: BaselineStore, run: Run) -> None:
    """A name that is none is told with the nearest; so is a number that would leave nothing."""
    assert store.names()
    code, _, err = run("show", "mian")
    assert (code, "did you mean 'main'?" in err) == (1, True)
    code, _, err = run("prune", "main", "--keep", "0")
    assert (code, err) == (4, "llmbench: --keep: expected a whole number of at least 1, not 0\n")
    assert len(store.load("main").cells) == 1
    assert run()[0] == 4
