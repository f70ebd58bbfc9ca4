"""The table of changes against the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.records import VerdictRecord
from pytest_llmbench.reports.comparison_table import comparison_table
from pytest_llmbench.reports.rendering import render
from pytest_llmbench.reports.rows import judged_cells
from tests.records import result_of
from tests.reports.making import compared, judged, noted

if TYPE_CHECKING:
    from pytest_llmbench.records import ResultRecord

MAIN = compared("ttft.p50", 0.01, 0.0101)


def table(*results: ResultRecord, width: int = 80) -> list[str]:
    """Render the comparison of results without colour."""
    text = render(comparison_table(judged_cells(results), width), width=width, color=False)
    assert all(len(line) <= width for line in text.splitlines())
    return text.splitlines()


def test_without_a_comparison_there_is_no_table() -> None:
    """Nothing was asked."""
    assert comparison_table(judged_cells([result_of()]), 80) == []


def test_a_row_a_cell_and_a_column_a_metric() -> None:
    """The heading counts verdicts, says how they were decided and which limits were set."""
    worse = judged(
        "regressed", compared("ttft.p50", 0.0121, 0.0378, "regressed"), compared("e2e.p50", 1, 1.01)
    )
    better = judged("improved", MAIN, compared("throughput_output", 100, 150, "improved"))
    assert table(result_of(verdict=worse), result_of(workload="long", concurrency=8, verdict=better)) == [
        "against baseline 'main' (1 session): 1 regressed, 1 improved",
        "plain threshold, not a statistical test",
        "",
        "  workload  conc  metric    change  limit  verdict",
        "tiny-glm.llama.tp01.gpux00",
        "  short        1  TTFT p50  +212 %   10 %  regressed",
        "                  E2E p50   +1.0 %   10 %  pass",
        "  long         8  TTFT p50  +1.0 %   10 %  pass",
        "                  output     +50 %   10 %  improved",
    ]


def test_statistics_have_their_interval_and_what_they_see() -> None:
    """Nine times in ten the change lies between these, and smaller ones than this go unseen."""
    fields = {"rule": "sessions", "low": -0.012, "high": 0.031, "p": 0.4, "alpha": 0.05, "detectable": 0.062}
    sure = MAIN.model_copy(update=fields)
    lines = table(result_of(verdict=judged("inconclusive", sure, rule="sessions", baseline_sessions=10)))
    assert lines[1] == "t test of one session against 10 sessions, alpha 0.05"
    assert lines[-1].split() == [
        "short",
        "1",
        "TTFT",
        "p50",
        "+1.0",
        "%",
        *["-1.2", "to", "+3.1", "%"],
        "6.2",
        "%",
        "pass",
    ]


def test_zero_errors_have_no_row() -> None:
    """Rows of zeros are noise."""
    none = judged("pass", MAIN, compared("error_rate", 0, 0))
    assert not any("failed" in line for line in table(result_of(verdict=none)))
    some = judged("regressed", MAIN, compared("error_rate", 0, 0.03, "regressed"))
    assert table(result_of(verdict=some))[-1].split() == ["failed", "+3", "points", "1", "point", "regressed"]


@pytest.mark.parametrize(("now", "shown"), [(5.0, "up from zero"), (0.0, "still zero")])
def test_a_baseline_of_zero_has_no_percentage(now: float, shown: str) -> None:
    """It went up from zero, or it did not."""
    verdict = judged("pass", compared("ttft.p50", 0, now))
    assert f" {shown}   10 %  pass" in table(result_of(verdict=verdict))[-1]


def test_replicates_have_one_row() -> None:
    """They are judged together; the earlier ones are not cells without a verdict."""
    first = VerdictRecord(verdict="none", baseline="main", message="judged with the last of 2 replicates")
    lines = table(result_of(verdict=first), result_of(replicate=2, verdict=judged("pass", MAIN)))
    assert lines[0] == "against baseline 'main' (1 session): 1 pass"
    assert sum("short" in line for line in lines) == 1


def test_an_invalid_result_has_a_row_of_dashes() -> None:
    """It was not judged, and a reader looks for it."""
    bad = noted(result_of(workload="bad", verdict=VerdictRecord(verdict="invalid")), invalid="late")
    lines = table(result_of(verdict=judged("pass", MAIN)), bad)
    assert lines[0].endswith("1 invalid, 1 pass")
    assert lines[-1].split() == ["bad", "1", *["\N{EN DASH}"] * 3, "invalid"]


def test_when_nothing_could_be_compared_only_the_heading_is_left() -> None:
    """The lines below it say why."""
    assert table(result_of(verdict=VerdictRecord(verdict="none", baseline="main"))) == [
        "against baseline 'main': 1 not compared"
    ]


def test_sessions_are_counted_from_the_fewest_to_the_most() -> None:
    """Cells of one baseline can have been recorded more or less often."""
    results = [result_of(workload=f"w{n}", verdict=judged("pass", MAIN, baseline_sessions=n)) for n in (3, 1)]
    assert table(*results)[0] == "against baseline 'main' (1 to 3 sessions): 2 pass"
    doubted = judged("pass", MAIN, baseline_sessions=9, set_aside=("session s3: ttft.p50 +20 %",))
    assert table(result_of(verdict=doubted))[0] == "against baseline 'main' (9 sessions, 1 set aside): 1 pass"


def test_many_cells_have_a_row_each() -> None:
    """Of the metric that decided, and the heading says so."""
    worse = judged("regressed", MAIN, compared("e2e.p50", 1, 2, "regressed"))
    lines = table(*(result_of(workload=f"w{number:02d}", verdict=worse) for number in range(25)))
    assert "one metric a cell is shown" in " ".join(lines)
    assert sum("E2E p50" in line for line in lines) == 25
    assert not any("TTFT" in line for line in lines)
