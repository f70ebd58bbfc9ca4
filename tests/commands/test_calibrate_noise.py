"""`llmbench calibrate-noise --from`: what stored sessions tell. Its own sessions are in `plugin/`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench import cli
from pytest_llmbench.baselines.store import BaselineStore
from pytest_llmbench.commands import calibrate_noise
from pytest_llmbench.commands.showing import Showing
from pytest_llmbench.reports.folder import write_document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_llmbench.records import EnvironmentRecord, ResultRecord
    from pytest_llmbench.reports.document import Document

    MakeResult = Callable[..., ResultRecord]
    Run = Callable[..., tuple[int, str, str]]

NOISE = (0.99, 1.02, 1.0, 0.98, 1.01)


def measured(make_result: MakeResult, luck: float) -> list[ResultRecord]:
    """Measure two cells with two starts."""
    return [
        make_result(
            concurrency=streams,
            replicate=start,
            values={
                "ttft": 0.5 * luck * (1 + start / 200),
                "tpot": 0.05,
                "throughput_output": 700 / luck,
                "error_rate": 0.0,
            },
        )
        for streams in (1, 8)
        for start in (1, 2)
    ]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that runs the command and returns code, output and complaints."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["calibrate-noise", "--results", str(tmp_path), *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def _main(tmp_path: Path, make_result: MakeResult, environment: EnvironmentRecord) -> None:
    """Store five sessions of the same."""
    store = BaselineStore(tmp_path / "baselines")
    for day, luck in enumerate(NOISE, 1):
        store.save("main", f"s{day}", measured(make_result, luck), f"2026-11-0{day}T03:00:00Z", environment)


@pytest.mark.usefixtures("_main")
def test_a_baseline_tells_its_noise(run: Run, tmp_path: Path) -> None:
    """Of each cell and metric, what a gate sees, how often it was wrong, and what to gate; JSON is stored."""
    code, out, err = run("--from", "main")
    lines = out.splitlines()
    assert (code, err, lines[0]) == (0, "", "noise of 'main': 5 sessions of 2 replicates")
    assert all(len(line) <= 80 for line in lines if not line.startswith("stored: "))
    rows = [line.split() for line in lines]
    row = next(row for row in rows if row[:4] == ["short", "1", "TTFT", "p50"])
    assert row[4] == "14"
    assert float(row[-1]) == pytest.approx(1.6, abs=0.1)
    assert any(row[:2] == ["8", "TTFT"] or row[1:3] == ["8", "TTFT"] for row in rows)
    assert "false alarms: 0 of 5 sessions would have failed against the others" in out
    assert "a sensible gate:\n  --bench-compare-fail=ttft.p50:" in out
    (stored,) = (tmp_path / "calibration").glob("*.json")
    document = json.loads(stored.read_text(encoding="utf-8"))
    assert lines[-1] == f"stored: {stored}"
    assert document["compare_fail"] in "".join(out.split())
    metrics = ("ttft.p50", "tpot.p50", "throughput_output")
    assert {(cell["cell"][-4:], cell["metric"]) for cell in document["cells"]} == {
        (load, metric) for load in ("c001", "c008") for metric in metrics
    }
    detectable = {one["metric"]: one for one in document["detectable"]}
    assert detectable["ttft.p50"]["by_sessions"]["20"] < detectable["ttft.p50"]["by_sessions"]["3"]
    assert detectable["ttft.p50"]["by_pairs"].keys() == {"5", "10"}


@pytest.mark.usefixtures("_main")
def test_reports_are_put_together(
    run: Run, tmp_path: Path, make_result: MakeResult, make_report: Callable[..., Document]
) -> None:
    """With each other and with baselines; of two sessions no false alarms are known."""
    paths = []
    for day, luck in ((1, 1.0), (2, 1.01)):
        path = tmp_path / f"{day}.json"
        report = make_report(*measured(make_result, luck), id=f"r{day}", started_at=f"2026-10-0{day}")
        write_document(path, report)
        paths.append(str(path))
    document = json.loads(run("--from", *paths, "--json", "-")[1])
    assert (list(document["sessions"]), document["false_alarms"]) == (["r1", "r2"], None)
    assert "false alarms: not known" in run("--from", *paths)[1]
    assert len(json.loads(run("--from", "main", *paths, "--json", "-")[1])["sessions"]) == 7


@pytest.mark.usefixtures("_main")
def test_what_is_gated_is_what_is_told(run: Run) -> None:
    """As it is said for the gate."""
    document = json.loads(run("--from", "main", "--compare-fail", "ttft.p50:2%", "--json", "-")[1])
    assert [one["metric"] for one in document["detectable"]] == ["ttft.p50"]
    assert document["alpha"] == pytest.approx(0.05 / 2)


@pytest.mark.usefixtures("_main")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--from", "mian"], 4, "did you mean 'main'?"),
        (["--from", "main", "--", "-k", "x"], 4, "--from runs nothing: -k x is for nobody"),
        (["--sessions", "0"], 4, "'0' is no whole number above zero"),
        (["--save", "a b"], 4, "cannot name a baseline"),
        (["--from", "main", "--compare-fail", "ttft.p99:5%"], 4, "no cell with two sessions of the same"),
    ],
)
def test_mistakes_are_told_in_one_message(run: Run, arguments: list[str], code: int, message: str) -> None:
    """Before anything runs."""
    found, out, err = run(*arguments)
    assert (found, out, message in err) == (code, "", True), err


def test_a_session_is_ended_though_it_ignores_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one does that was started in the background; it still ends in order."""
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('in order'), sys.exit(2)))\n"
        "print('measuring', flush=True)\n"
        "signal.pause()\n"
    )
    heard: list[str] = []

    def hear(_showing: Showing, text: str) -> None:
        heard.append(text)
        if text == "1 · measuring":
            raise KeyboardInterrupt

    monkeypatch.setattr(Showing, "__call__", hear)
    with pytest.raises(KeyboardInterrupt):
        calibrate_noise._session([sys.executable, "-c", code], Showing(), "1")
    assert heard == ["1 · measuring", "1 · in order"]
