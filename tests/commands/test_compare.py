"""`llmbench compare`: what it prints and writes, and its exit codes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench import cli
from pytest_llmbench.baselines.store import BaselineStore
from pytest_llmbench.reports.folder import write_document
from tests.evals.records import eval_result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_llmbench.records import EnvironmentRecord, ResultRecord
    from pytest_llmbench.reports.document import Document

    MakeResult = Callable[..., ResultRecord]
    Run = Callable[..., tuple[int, str, str]]
    Report = Callable[..., str]

USUAL = {"ttft": 0.5, "tpot": 0.05, "throughput_output": 700.0, "error_rate": 0.0}


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that runs the command and returns code, output and complaints."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["compare", "--results", str(tmp_path), *arguments])
        said = capsys.readouterr()
        if not {"--json", "--markdown"} & set(arguments):
            assert all(len(line) <= 80 for line in said.out.splitlines()), said.out
        return code, said.out, said.err

    return run


@pytest.fixture
def report(tmp_path: Path, make_report: Callable[..., Document]) -> Report:
    """Give a function that writes a session's report and returns its path."""

    def report(*results: ResultRecord, session: str = "new") -> str:
        path = tmp_path / "sessions" / session / "report.json"
        write_document(path, make_report(*results, id=session))
        return str(path)

    return report


@pytest.fixture
def _main(tmp_path: Path, make_result: MakeResult, environment: EnvironmentRecord) -> None:
    """Store baseline `main`: three sessions of two cells."""
    store = BaselineStore(tmp_path / "baselines")
    for day, noise in enumerate((0.99, 1.0, 1.01), 1):
        values = {**USUAL, "ttft": 0.5 * noise, "tpot": 0.05 * noise, "throughput_output": 700 * noise}
        results = [make_result(values=values, concurrency=n) for n in (1, 8)]
        store.save("main", f"s{day}", results, f"2026-11-0{day}T03:00:00Z", environment)


@pytest.mark.usefixtures("_main")
def test_a_report_is_judged_against_a_baseline(run: Run, report: Report, make_result: MakeResult) -> None:
    """The table of the terminal, with what is not in it; something regressed, so the exit code is 1."""
    slow = make_result(values={**USUAL, "ttft": 0.8}, concurrency=1)
    path = report(slow, make_result(values=USUAL, concurrency=2))
    code, out, err = run("main", path)
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[:2] == [
        "against baseline 'main' (3 sessions): 1 regressed",
        "t test of one session against 3 sessions, alpha 0.017",
    ]
    row = next(line for line in lines if "TTFT p50" in line)
    assert row.split()[:6] == ["short", "1", "TTFT", "p50", "+60", "%"]
    assert row.endswith("regressed")
    assert "regressed: short c001: ttft.p50 +60 % (500 ms -> 800 ms," in out
    assert f"only in A: 1 cell (short c008): not in {path}"[:40] in out
    assert "only in B: 1 cell (short c002): not in main" in out


@pytest.mark.usefixtures("_main")
def test_names_ids_and_paths_are_baselines(run: Run, report: Report, make_result: MakeResult) -> None:
    """As for --bench-compare; what is as it was has exit code 0."""
    same = make_result(values=USUAL)
    path = report(same, session="20261128T1")
    for source in (path, "20261128T1", path.removesuffix("/report.json")):
        assert run("main", source)[0] == 0
    assert "plain threshold, not a statistical test" in run(path, "main")[1].splitlines()


@pytest.mark.usefixtures("_main")
def test_an_invalid_measurement_does_not_pass(run: Run, report: Report, make_result: MakeResult) -> None:
    """It is told as invalid, with the reason, and fails."""
    bad = make_result(values=USUAL)
    validity = bad.validity.model_copy(update={"valid": False, "reasons": ("the client was late",)})
    path = report(bad.model_copy(update={"validity": validity}), make_result(values=USUAL, concurrency=8))
    code, out, _ = run("main", path)
    assert (code, "1 invalid, 1 inconclusive" in out.splitlines()[0]) == (1, True)
    assert "invalid: short c001: the client was late" in out


@pytest.mark.usefixtures("_main")
def test_limits_and_forms_are_as_asked(
    run: Run, report: Report, make_result: MakeResult, tmp_path: Path
) -> None:
    """Other metrics are gated; JSON and Markdown say the same, printed or written beside the table."""
    path = report(make_result(values={**USUAL, "ttft": 0.8}))
    assert run("main", path, "--compare-fail", "tpot.p50:5%")[0] == 0
    code, out, _ = run("main", path, "--json", "-")
    document = json.loads(out)
    (cell,) = document["cells"]
    assert (code, cell["verdict"], cell["comparisons"][0]["metric"]) == (1, "regressed", "ttft.p50")
    assert (document["a"]["sessions"], document["b"]["sessions"]) == (["s1", "s2", "s3"], ["new"])
    written, page = tmp_path / "out.json", tmp_path / "out.md"
    assert run("main", path, "--json", str(written), "--markdown", str(page))[1].startswith("against")
    assert json.loads(written.read_text(encoding="utf-8")) == document
    assert "| regressed |" in page.read_text(encoding="utf-8").replace("\N{CROSS MARK} ", "")
    assert "ttft.p50" in page.read_text(encoding="utf-8")


def both(
    make_result: MakeResult, make: Callable[[str, int], tuple[float, float]], replicates: int = 5
) -> list[ResultRecord]:
    """Measure two backends at three loads: `make` gives TTFT and throughput of a backend and a load."""
    found = []
    for start in range(1, replicates + 1):
        noise = 1 + (start - 3) / 200
        for backend in ("llama", "vllm"):
            for streams in (1, 4, 16):
                ttft, output = make(backend, streams)
                one = make_result(
                    deployment=f"tiny-glm.{backend}.tp01.gpux00",
                    concurrency=streams,
                    values={"ttft": ttft * noise, "itl": 0.01, "throughput_output": output * noise},
                    replicate=start,
                )
                fields = {"backend": backend}
                found.append(one.model_copy(update={"deployment": one.deployment.model_copy(update=fields)}))
    return found


def crossing(backend: str, streams: int) -> tuple[float, float]:
    """Let llama begin sooner with few streams, and vllm give more with any."""
    if backend == "llama":
        return 0.12 * streams, 100.0
    return 0.3 * streams**0.5, 100.0 * streams**0.5 * 1.2


def test_engines_stand_side_by_side(run: Run, report: Report, make_result: MakeResult) -> None:
    """The answer first: who is ahead, and where the lines cross; then a table a metric."""
    code, out, err = run(report(*both(make_result, crossing)), "--by", "backend")
    assert (code, err) == (0, "")
    assert out.splitlines()[:5] == [
        "tiny-glm tp01.gpux00: llama or vllm?",
        "  short",
        "    throughput_output: vllm at every load (1 to 16), 1.20 to 4.80 times",
        "    ttft.p50: llama up to 6.2 streams (6.2 to 6.3), vllm above",
        "    itl.p50: alike at every load (1 to 16), within 3 %",
    ]
    table = out[out.index("ttft.p50, ms (lower is better)") :].splitlines()
    assert table[2].split()[-6:] == ["vllm", "/", "llama", "lies", "within", "better"]
    assert table[4].split() == ["short", "1", "120", "300", "2.50", "2.50", "to", "2.50", "llama"]
    assert table[6].split()[-1] == "vllm"
    assert "basis: paired t of 5 replicates" in out


def test_what_was_measured_once_is_not_sure(run: Run, report: Report, make_result: MakeResult) -> None:
    """It says so, and how to be surer."""
    out = run(report(*both(make_result, crossing, replicates=1)), "--by", "backend")[1]
    assert "measured once, so not sure" in out
    assert "they change places between 4 and 16, not sure" in " ".join(out.split())
    assert "--bench-replicates=5" in out


def test_side_by_side_for_programs_and_for_pages(run: Run, report: Report, make_result: MakeResult) -> None:
    """JSON has every ratio and crossing; Markdown begins with the answer."""
    path = report(*both(make_result, crossing))
    document = json.loads(run(path, "--by", "backend", "--json", "-")[1])
    assert (document["axis"], document["columns"]) == ("backend", ["llama", "vllm"])
    assert [pair["load"] for pair in document["pairs"]] == ["c001", "c004", "c016"]
    (found,) = (one for one in document["crossings"] if one["metric"] == "ttft.p50")
    assert (found["below"], found["above"], found["sure"]) == (4, 16, True)
    assert found["low"] <= found["at"] <= found["high"]
    assert document["cells"][0]["values"]["llama"]["ttft.p50"] == pytest.approx(0.12, rel=0.01)


def test_metrics_are_chosen(run: Run, report: Report, make_result: MakeResult) -> None:
    """Only these are told; a name that is none is told with the nearest."""
    path = report(*both(make_result, crossing))
    out = run(path, "--by", "backend", "--metrics", "ttft.p90")[1]
    assert "ttft.p90, ms" in out
    assert "throughput" not in out
    code, _, err = run(path, "--by", "backend", "--metrics", "tftt.p90")
    assert (code, "did you mean 'ttft'" in err) == (4, True)


@pytest.mark.usefixtures("_main")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["main"], 4, "give two to compare, A and B, not 1; or say --by backend"),
        (["main", "mian"], 4, "did you mean 'main'?"),
        (["main", "main", "--metrics", "ttft.p50"], 4, "--metrics goes with --by"),
        (["main", "--by", "backend", "--compare-fail", "ttft.p50:5%"], 4, "with --by nothing fails"),
        (["main", "--by", "backend"], 4, "nothing stands side by side: .* two of a backend \\(llama\\)"),
        (["main", "main", "--compare-fail", "ttft.p50"], 4, "expected METRIC.STATISTIC:PERCENT%"),
        (["main", "main"], 4, "main has no session that is not of main, too: nothing to compare with"),
        (["main", "--by", "engine"], 4, "invalid choice: 'engine'"),
    ],
)
def test_mistakes_are_told_in_one_message(run: Run, arguments: list[str], code: int, message: str) -> None:
    """With what to do instead."""
    found, out, err = run(*arguments)
    assert (found, out) == (code, "")
    assert re.search(message, err), err


@pytest.mark.usefixtures("_main")
def test_drift_from_the_anchor_is_told_and_fails_nothing(
    run: Run, tmp_path: Path, report: Report, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """In every form, as after a session of tests."""
    store = BaselineStore(tmp_path / "baselines")
    for day, noise in enumerate((0.999, 1.0, 1.001), 1):
        fast = make_result(values={**USUAL, "ttft": 0.1 * noise})
        store.save("anchor", f"a{day}", [fast], f"2025-11-0{day}T03:00:00Z", environment)
    path = report(make_result(values=USUAL))
    code, out, _ = run("main", path)
    assert code == 0
    assert "drift: tiny-glm.llama.tp01.gpux00/short/c001 ttft.p50 +400 % against 'anchor'" in " ".join(
        out.split()
    )
    assert "- drift: tiny-glm.llama.tp01.gpux00/short/c001" in run("main", path, "--markdown", "-")[1]
    (cell,) = json.loads(run("main", path, "--json", "-")[1])["cells"]
    assert (cell["anchor"], cell["drift"][0]["verdict"]) == ("anchor", "regressed")
    assert "drift" not in run("anchor", path)[1]


@pytest.mark.usefixtures("_main")
def test_a_session_saved_in_a_does_not_vouch_for_itself(
    run: Run, tmp_path: Path, report: Report, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """It is left out of A, and that is told."""
    slow = make_result(values={**USUAL, "ttft": 0.8})
    path = report(slow, session="s9")
    before = run("main", path)
    BaselineStore(tmp_path / "baselines").save("main", "s9", [slow], "2026-11-09T03:00:00Z", environment)
    code, out, err = run("main", path)
    told = "in both: session s9: not compared with itself\n"
    assert (code, out.replace(told, "").rstrip(), err) == (1, before[1].rstrip(), "")
    assert told in out


@pytest.mark.usefixtures("_main")
def test_nothing_in_common_is_a_mistake(run: Run, report: Report, make_result: MakeResult) -> None:
    """A gate that compared nothing must not be green."""
    code, _, err = run("main", report(make_result(workload="other")))
    assert (code, "no cell in common" in err, "--by compares engines" in err) == (4, True, True)


def test_evals_are_judged_prompt_by_prompt(
    run: Run, tmp_path: Path, report: Report, environment: EnvironmentRecord, make_result: MakeResult
) -> None:
    """Beside the speeds, or alone; a loss that is sure is a regression, in every form."""
    before = eval_result({str(key): True for key in range(200)})
    store = BaselineStore(tmp_path / "baselines")
    store.save("main", "s1", [before, make_result()], "2026-11-01", environment)
    worse = report(eval_result({str(key): key >= 20 for key in range(200)}), session="worse")
    same = report(before, make_result(), session="same")
    code, out, _ = run("main", worse)
    assert code == 1
    assert "regressed: sums c004: right 100.0 % -> 90.0 % (20 lost, 0 gained of" in " ".join(out.split())
    assert "- regressed: sums c004: right" in run("main", worse, "--markdown", "-")[1]
    (cell,) = json.loads(run("main", worse, "--json", "-")[1])["cells"]
    assert (cell["verdict"], cell["paired"][0]["score"]) == ("regressed", "right")
    code, out, _ = run("main", same)
    assert (code, out.splitlines()[0]) == (0, "against baseline 'main' (1 session): 1 pass")
    assert "pass: sums c004: right 100.0 % -> 100.0 %" in " ".join(out.split())
