"""`llmbench baseline`: what it prints, and what it leaves on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench import cli
from pytest_llmbench.baselines.store import BaselineStore
from pytest_llmbench.reports.folder import write_document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_llmbench.records import EnvironmentRecord, ResultRecord
    from pytest_llmbench.reports.document import Document

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
        "main: 1 cell, 3 sessions, 2026-11-01 to 2026-11-03",
        "nightly: 1 cell, 1 session, 2026-11-09 to 2026-11-09",
    ]
    for name in store.names():
        for file in (store.root / name).iterdir():
            file.unlink()
    assert "--bench-save=main records one" in run("list")[1]


def test_show_tells_cells_and_sessions(store: BaselineStore, run: Run, make_result: MakeResult) -> None:
    """Each session of each cell has a line with its values, replicates and version, oldest first."""
    assert store.names()
    code, out, _ = run("show", "main")
    assert code == 0
    assert out.splitlines()[1:4] == [
        "of each session: ttft.p50, tpot.p50, throughput_output",
        make_result().cell,
        "  s1  12.1 ms  1.30 ms  701 tok/s  1 replicate  b1",
    ]


def test_merge_adds_sessions(store: BaselineStore, run: Run) -> None:
    """The target has both, the source keeps its own; a second time changes nothing."""
    for _ in range(2):
        assert run("merge", "nightly", "main")[:2] == (
            0,
            "main: 2 cells, 4 sessions, 2026-11-01 to 2026-11-09; 1 of them from nightly\n",
        )
    assert len(store.load("nightly").cells) == 1
    run("merge", "main", "new")
    assert store.load("new").cells == store.load("main").cells


def test_promote_takes_the_newest_session(
    store: BaselineStore, run: Run, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """It says what it took and what differs from what is there; the others stay where they are."""
    changed = make_result()
    changed = changed.model_copy(
        update={"deployment": changed.deployment.model_copy(update={"version": "b2"})}
    )
    store.save("nightly", "n2", [changed], "2026-11-10T03:00:00Z", environment)
    code, out, _ = run("promote", "nightly", "main")
    assert (code, out.splitlines()) == (
        0,
        [
            "taken from n2:",
            f"  {changed.cell}  (1 replicate; b2; version: b1 -> b2)",
            "main: 1 cell, 4 sessions, 2026-11-01 to 2026-11-10",
        ],
    )
    assert store.load("main").cells[changed.cell]["n2"] == store.load("nightly").cells[changed.cell]["n2"]
    assert "(1 replicate; b2; was there already)" in run("promote", "nightly", "main")[1]


def test_promote_takes_the_sessions_that_are_named(store: BaselineStore, run: Run) -> None:
    """Into a baseline that is made for them."""
    code, out, _ = run("promote", "main", "release", "--session", "s1", "--session", "s2")
    assert (code, out.splitlines()[0]) == (0, "taken from s1, s2:")
    assert "new)" in out
    assert list(store.load("release").sessions) == ["s1", "s2"]


def test_a_dry_run_writes_nothing(store: BaselineStore, run: Run) -> None:
    """It says the same, and that it wrote nothing."""
    before = store.load("main")
    out = run("promote", "nightly", "--dry-run")[1]
    assert out.splitlines()[0] == "would be taken from n1:"
    assert out.endswith("dry run: nothing was written\n")
    assert store.load("main") == before


def test_promote_never_takes_what_is_invalid(
    store: BaselineStore,
    tmp_path: Path,
    run: Run,
    make_result: MakeResult,
    make_report: Callable[..., Document],
) -> None:
    """Of a report it says what was left out and why; if nothing is left, it is a mistake to promote it."""
    good, bad = make_result(concurrency=8), make_result()
    validity = bad.validity.model_copy(update={"valid": False, "reasons": ("the client was late",)})
    bad = bad.model_copy(update={"validity": validity})
    report = tmp_path / "report.json"
    write_document(report, make_report(good, bad))
    code, out, _ = run("promote", str(report), "main")
    assert code == 0
    assert f"  left out  {bad.cell}: invalid: the client was late" in out.splitlines()
    id_ = make_report().session.id
    assert id_ not in store.load("main").cells[bad.cell]
    assert id_ in store.load("main").cells[good.cell]
    write_document(report, make_report(bad))
    code, _, err = run("promote", str(report), "main")
    assert (code, "nothing" in err, "the client was late" in err) == (4, True, True)


def test_prune_keeps_the_newest(store: BaselineStore, run: Run, make_result: MakeResult) -> None:
    """The others are gone from the files."""
    assert run("prune", "main", "--keep", "2")[0] == 0
    assert set(store.load("main").cells[make_result().cell]) == {"s2", "s3"}
    assert "0 entries dropped" in run("prune", "main", "--keep", "2")[1]


def test_mistakes_are_told_in_one_line(store: BaselineStore, run: Run) -> None:
    """A name that is none is told with the nearest; so is a number that would leave nothing."""
    assert store.names()
    code, _, err = run("show", "mian")
    assert (code, "did you mean 'main'?" in err) == (4, True)
    code, _, err = run("prune", "main", "--keep", "0")
    assert (code, err) == (4, "llmbench: --keep: expected a whole number of at least 1, not 0\n")
    assert len(store.load("main").cells) == 1
    code, _, err = run("promote", "main", "new", "--session", "later")
    assert (code, err) == (4, "llmbench: 'main' has no session 'later': known: s1, s2, s3\n")
    assert run("promote", "main")[0] == 4
    assert run("promote", "main", "a b")[0] == 4
    assert run()[0] == 4
