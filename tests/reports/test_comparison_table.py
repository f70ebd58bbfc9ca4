"""The table of changes against the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.records import VerdictRecord
from pytest_llmbench.reports.comparison_table import comparison_table
from pytest_llmbench.reports.terminal import _render
from tests.records import result_of
from tests.reports.making import compared, judged, noted

if TYPE_CHECKING:
    from pytest_llmbench.records import ResultRecord

MAIN = compared("ttft.p50", 0.01, 0.0101)


def table(*results: ResultRecord, width: int = 80) -> list[str]:
    """Render the comparison of results without colour."""
    text = _render(comparison_table(results, width), width=width, color=False)
    assert all(len(line) <= width for line in text.splitlines())
    return text.splitlines()


def test_without_a_comparison_there_is_no_table() -> None:
    """Nothing was asked."""
    assert comparison_table([result_of()], 80) == []


def test_a_row_a_cell_and_a_column_a_metric() -> None:
    """The heading counts verdicts, says how they were decided and which limits were set."""
    worse = judged(
        "regressed", compared("ttft.p50", 0.0121, 0.0378, "regressed"), compared("e2e.p50", 1, 1.01)
    )
    better = judged("improved", MAIN, compared("throughput_output", 100, 150, "improved"))
    assert table(result_of(verdict=worse), result_of(workload="long", concurrency=8, verdict=better)) == [
        "against baseline 'main' (1 session): 1 regressed, 1 improved",
        "plain threshold, not a statistical test; limits ttft.p50 10 %, e2e.p50 10 %,",
        "  throughput_output 10 %",
        "                    TTFT     E2E  output",
        "  workload  conc     p50     p50          verdict",
        "tiny-glm.llama.tp01.gpux00",
        "  short        1  +212 %  +1.0 %       \N{EN DASH}  regressed",
        "  long         8  +1.0 %       \N{EN DASH}   +50 %  improved",
    ]


def test_the_errors_column_is_there_when_there_are_errors() -> None:
    """A column of zeros is noise; its limit is named all the same."""
    none = judged("pass", MAIN, compared("error_rate", 0, 0))
    lines = table(result_of(verdict=none))
    assert not any("failed" in line for line in lines)
    assert "error_rate 1 point" in " ".join(lines)
    some = judged("regressed", MAIN, compared("error_rate", 0, 0.03, "regressed"))
    lines = table(result_of(verdict=none), result_of(workload="long", verdict=some))
    assert lines[-4].split()[-2:] == ["points", "verdict"]
    assert lines[-1].split() == ["long", "1", "+1.0", "%", "+3", "regressed"]


@pytest.mark.parametrize(("now", "shown"), [(5.0, "from 0"), (0.0, "0")])
def test_a_baseline_of_zero_has_no_percentage(now: float, shown: str) -> None:
    """It went up from zero, or it did not."""
    verdict = judged("pass", compared("ttft.p50", 0, now))
    assert f" {shown}  pass" in table(result_of(verdict=verdict))[-1]


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
    assert lines[-1].split() == ["bad", "1", "\N{EN DASH}", "invalid"]


def test_when_nothing_could_be_compared_only_the_heading_is_left() -> None:
    """The lines below it say why."""
    assert table(result_of(verdict=VerdictRecord(verdict="none", baseline="main"))) == [
        "against baseline 'main': 1 not compared"
    ]


def test_sessions_are_counted_from_the_fewest_to_the_most() -> None:
    """Cells of one baseline can have been recorded more or less often."""
    results = [result_of(workload=f"w{n}", verdict=judged("pass", MAIN, baseline_sessions=n)) for n in (3, 1)]
    assert table(*results)[0] == "against baseline 'main' (1 to 3 sessions): 2 pass"


def test_columns_that_do_not_fit_are_the_ones_in_which_nothing_happened() -> None:
    """The regressed metric stays, and the heading says how many are not shown."""
    names = [
        f"{name}.{stat}" for name in ("ttft", "chunk_gap", "e2e") for stat in ("p50", "p90", "p95", "mean")
    ]
    comparisons = [compared(name, 1, 1.01) for name in names]
    comparisons[-1] = compared(names[-1], 1, 2, "regressed")
    lines = table(result_of(verdict=judged("regressed", *comparisons)))
    assert "columns left out: see the report" in " ".join(lines)
    assert lines[-3].split()[-2:] == ["mean", "verdict"]
    assert lines[-1].split()[-3:] == ["+100", "%", "regressed"]
    crowded = [compared(name, 1, 2, "regressed") for name in names]
    lines = table(result_of(verdict=judged("regressed", *crowded)), width=60)
    assert "8 columns left out" in "".join(lines).replace("  ", " ")
