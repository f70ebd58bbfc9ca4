"""The summary as a person sees it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.records import ServerRecord, UnmeasuredRecord
from pytest_llmbench.reports.tables import NOTHING
from pytest_llmbench.reports.terminal import render_summary
from tests.reports.making import compared, judged, noted

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.records import ResultRecord, SessionRecord
    from pytest_llmbench.reports.document import Document

    MakeResult = Callable[..., ResultRecord]
    MakeDocument = Callable[..., Document]

FACTS = ServerRecord(
    served_model="m",
    ready_s=1.0,
    facts={"version": "xllamacpp 2026.10", "threads": 1, "context_length": 16384, "slots": 4},
)


def test_the_whole_table_at_80_columns(make: MakeDocument, make_result: MakeResult) -> None:
    """Units are in the header, deployments and what ran head their rows, points are below points."""
    text = render_summary(
        make(
            make_result(server=FACTS),
            make_result(deployment="tiny-llama.llama.tp01.gpux00", workload="medium", concurrency=64),
            make_result(concurrency=8, count=200, values={"ttft": 0.0087, "throughput_output": 1234}),
        )
    )
    assert text.replace(NOTHING, "~").splitlines() == [
        "                    TTFT    TTFT    TPOT     E2E  output",
        "  workload  conc  p50 ms  p95 ms  p50 ms  p50 ms   tok/s",
        "tiny-glm.llama.tp01.gpux00  xllamacpp 2026.10 · 1 thread · context 16384",
        "  short        1   12.1     15.7    1.30     140     701",
        "  short        8    8.70    11.3    ~          ~    1234",
        "tiny-llama.llama.tp01.gpux00  llama b1 · context 8192",
        "  medium      64   12.1     15.7    1.30     140     701",
    ]


def test_the_whole_comparison_at_80_columns(make: MakeDocument, make_result: MakeResult) -> None:
    """Table, changes, details and notes are apart, each thing said once."""
    worse = judged("regressed", compared("ttft.p50", 0.0121, 0.0378, "regressed"))
    results = [
        noted(make_result(verdict=worse), "37% of prompt tokens came from the prefix cache"),
        make_result(workload="long", verdict=judged("pass", compared("ttft.p50", 0.0121, 0.0122))),
    ]
    assert render_summary(make(*results), junit=Path("junit.xml")).splitlines()[6:] == [
        "against baseline 'main' (1 session): 1 regressed, 1 pass",
        "plain threshold, not a statistical test",
        "",
        "  workload  conc  metric    change  limit  verdict",
        "tiny-glm.llama.tp01.gpux00",
        "  short        1  TTFT p50  +212 %   10 %  regressed",
        "  long         1  TTFT p50  +0.8 %   10 %  pass",
        "",
        "regressed: short c001: ttft.p50 +212 % (12.1 ms -> 37.8 ms, limit +10 %)",
        "",
        "note: 37% of prompt tokens came from the prefix cache (short c001)",
        "",
        "junit:  junit.xml",
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
    result = make_result(
        workload="a-very-long-workload-name-of-somebody-who-likes-them",
        deployment="glm-4.7-flash-awq-with-a-long-name.vllm.profile.tp16.pp02.gpux32",
        concurrency=4096,
        count=5000,
        values=values,
        server=FACTS,
        replicate=2,
    )
    lines = render_summary(make(noted(result, invalid="too late")), width=width).splitlines()
    assert max(map(len, lines)) <= width
    for shown in ("4096", "123457", "185185", "2500", "1234568", "98765", "12.5", "invalid"):
        assert any(shown in line.split() for line in lines), shown


@pytest.mark.parametrize("width", [1, 10, 30])
def test_a_terminal_too_narrow_for_anything_is_no_error(
    make: MakeDocument, make_result: MakeResult, width: int
) -> None:
    """What is shown is ugly, and the session's outcome does not depend on it."""
    result = make_result(verdict=judged("regressed", compared("ttft.p50", 1, 2, "regressed")))
    assert render_summary(make(noted(result, "a note")), width=width)


def test_itl_stands_in_where_there_is_no_tpot(make: MakeDocument, make_result: MakeResult) -> None:
    """The column says which of the two it is; what is absent is a dash."""
    text = render_summary(make(make_result(values={"itl": 0.002, "ttft": 0.01})))
    assert "ITL" in text
    assert "TPOT" not in text
    row = text.replace(NOTHING, "~").splitlines()[3]
    assert row.split() == ["short", "1", "10.0", "13.0", "2.00", "~", "~"]


@pytest.mark.parametrize(
    ("counts", "tail"),
    [((16, 16), "p90"), ((16, 100), "p99"), ((16, 16, 100), "p90"), ((20, 24, 100), "p95"), ((4, 4), "p99")],
)
def test_the_highest_percentile_that_half_of_the_samples_carry_is_shown(
    make: MakeDocument, make_result: MakeResult, counts: tuple[int, ...], tail: str
) -> None:
    """A column of dashes would tell nobody anything; where no sample carries one, it says so."""
    least = {"p90": 10, "p95": 20, "p99": 100}
    results = []
    for number, count in enumerate(counts):
        result = make_result(workload=f"w{number}", values={"ttft": 0.01})
        known = {stat: 0.02 if count >= needed else None for stat, needed in least.items()}
        ttft = result.metrics["ttft"].model_copy(update={"count": count, **known})
        results.append(result.model_copy(update={"metrics": {**result.metrics, "ttft": ttft}}))
    text = render_summary(make(*results))
    assert text.splitlines()[1].split()[4] == tail


def test_failed_requests_have_a_column_when_there_are_any(
    make: MakeDocument, make_result: MakeResult
) -> None:
    """A column of zeros says nothing; one number that is not zero must be seen."""
    assert "failed" not in render_summary(make(make_result()))
    values = {"ttft": 0.01, "error_rate": 0.125}
    lines = render_summary(make(make_result(values=values), make_result(workload="long"))).splitlines()
    assert lines[0].endswith("failed")
    assert [line.split()[-1] for line in lines[1:]] == [
        "%",
        "8192",
        "12.5",
        "0",
    ]


def test_replicates_stand_side_by_side(make: MakeDocument, make_result: MakeResult) -> None:
    """Each has its row, the rows of a cell follow each other, and an invalid one says so."""
    results = [make_result(workload=name, replicate=n) for n in (1, 2) for name in ("short", "long")]
    results[2] = noted(results[2], invalid="too late")
    lines = render_summary(make(*results)).splitlines()
    assert lines[1].split()[:3] == ["workload", "conc", "rep"]
    assert [line.split()[:3] for line in lines[3:7]] == [
        ["short", "1", "1"],
        ["short", "1", "2"],
        ["long", "1", "1"],
        ["long", "1", "2"],
    ]
    assert lines[4].endswith("invalid")
    assert "invalid: short c001: too late" in lines


def test_what_ran_has_its_own_line_where_it_does_not_fit(make: MakeDocument, make_result: MakeResult) -> None:
    """The name of a deployment can be long; a version without its engine's name gets one."""
    server = ServerRecord(
        served_model="m", ready_s=1.0, facts={"version": "b4521", "attention_backend": "fa3", "threads": 4}
    )
    lines = render_summary(make(make_result(deployment="x" * 60, server=server))).splitlines()
    assert lines[2:4] == ["x" * 60, "llama b4521 · 4 threads · fa3 attention"]


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
    document = make(make_result(verdict=judged("regressed", compared("ttft.p50", 1, 2, "regressed"))))
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
