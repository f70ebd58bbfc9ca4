"""The summary as a person sees it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.records import UnmeasuredRecord, VerdictRecord
from pytest_llmbench.reports.document import make_document
from pytest_llmbench.reports.terminal import NOTHING, render_summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.records import EnvironmentRecord, ResultRecord, SessionRecord
    from pytest_llmbench.reports.document import Document

    MakeResult = Callable[..., ResultRecord]
    MakeDocument = Callable[..., Document]


@pytest.fixture
def make(session: SessionRecord, environment: EnvironmentRecord) -> MakeDocument:
    """Give a maker of documents."""

    def make(*results: ResultRecord, **changes: object) -> Document:
        return make_document(session, environment, results).model_copy(update=changes)

    return make


def test_the_whole_table_at_80_columns(make: MakeDocument, make_result: MakeResult) -> None:
    """Units are in the header, deployments head their rows, p99 is a dash where it cannot be carried."""
    text = render_summary(
        make(
            make_result(),
            make_result(deployment="tiny-llama.llama.tp01.gpux00", workload="medium", concurrency=64),
            make_result(concurrency=8, count=200, verdict=VerdictRecord(verdict="pass", baseline="main")),
        )
    )
    assert text.replace(NOTHING, "~").splitlines()[:7] == [
        "                TTFT p50   p99  TPOT p50  E2E p50  output  failed",
        "workload  conc        ms    ms        ms       ms   tok/s       %  verdict",
        "tiny-glm.llama.tp01.gpux00",
        "short        1      12.1     ~      1.30      140     701       0  ~",
        "short        8      12.1  18.1      1.30      140     701       0  pass",
        "tiny-llama.llama.tp01.gpux00",
        "medium      64      12.1     ~      1.30      140     701       0  ~",
    ]


@pytest.mark.parametrize("width", [80, 100, 200])
def test_nothing_is_wider_than_asked_and_no_number_is_cut(
    make: MakeDocument, make_result: MakeResult, width: int
) -> None:
    """Long names fold; slow servers and fast ones keep all their digits."""
    values = {
        "ttft": 123.4567,
        "tpot": 2.5,
        "e2e": 1234.5678,
        "throughput_output": 98765.4,
        "error_rate": 0.125,
    }
    results = [
        make_result(
            workload="a-very-long-workload-name-of-somebody-who-likes-them",
            deployment="glm-4.7-flash-awq-with-a-long-name.vllm.profile.tp16.pp02.gpux32",
            concurrency=4096,
            count=5000,
            values=values,
            verdict=VerdictRecord(verdict="inconclusive", baseline="main"),
        )
    ]
    lines = render_summary(make(*results), width=width).splitlines()
    assert max(map(len, lines)) <= width
    for shown in ("4096", "123457", "185185", "2500", "1234568", "98765", "12.5", "inconclusive"):
        assert any(shown in line.split() for line in lines), shown


def test_itl_stands_in_where_there_is_no_tpot(make: MakeDocument, make_result: MakeResult) -> None:
    """The column says which of the two it is; what is absent is a dash."""
    text = render_summary(make(make_result(values={"itl": 0.002, "ttft": 0.01})))
    assert "ITL p50" in text
    assert "TPOT" not in text
    row = text.replace(NOTHING, "~").splitlines()[3]
    assert row.split() == ["short", "1", "10.0", "~", "2.00", "~", "~", "~", "~"]


def test_replicates_and_invalid_results_are_marked(make: MakeDocument, make_result: MakeResult) -> None:
    """Each replicate has its row, and an invalid one says so whatever its comparison said."""
    second = make_result(replicate=2, verdict=VerdictRecord(verdict="pass", baseline="main"))
    validity = second.validity.model_copy(update={"valid": False, "reasons": ("too late",)})
    text = render_summary(make(make_result(), second.model_copy(update={"validity": validity})))
    assert "short r1" in text
    row = next(line for line in text.splitlines() if line.startswith("short r2"))
    assert row.endswith("invalid")
    assert f"invalid: {second.cell}: too late" in text


def test_where_the_reports_lie_is_never_folded(make: MakeDocument, make_result: MakeResult) -> None:
    """A path is there to be copied, however long."""
    path = Path("/somewhere") / ("x" * 100) / "report.json"
    text = render_summary(make(make_result()), report=path, junit=Path("results/latest/junit.xml"))
    assert text.splitlines()[-2:] == [f"report: {path}", "junit:  results/latest/junit.xml"]


def test_colour_is_the_callers_choice(
    make: MakeDocument, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain text has no escapes even where the environment asks for them, and coloured text has."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "30")
    document = make(make_result(verdict=VerdictRecord(verdict="regressed", baseline="main")))
    plain = render_summary(document)
    assert "\x1b" not in plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31mregressed" in render_summary(document, color=True)
    assert all(line == line.rstrip() for line in plain.splitlines())


def test_brackets_are_text(make: MakeDocument) -> None:
    """Test ids hold brackets, which are no markup here."""
    record = UnmeasuredRecord(nodeid="t.py::t[red]", deployment=None, outcome="error", reason="[/red] boom")
    text = render_summary(make(unmeasured=(record,)))
    assert text == "error: t.py::t[red]: [/red] boom\n"


def test_an_unfinished_session_says_so(make: MakeDocument, session: SessionRecord) -> None:
    """What is shown is not everything that was asked for."""
    document = make(session=session.model_copy(update={"complete": False}))
    assert "did not run to its end" in render_summary(document)


def test_a_session_with_nothing_to_tell_says_nothing(make: MakeDocument) -> None:
    """No empty tables."""
    assert render_summary(make()) == ""
