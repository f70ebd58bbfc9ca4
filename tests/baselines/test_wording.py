"""Comparisons in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.baselines.deciding import by_statistics, by_threshold
from pytest_llmbench.baselines.inference import Estimate
from pytest_llmbench.baselines.judge import Rules, verdict_of_cell
from pytest_llmbench.baselines.limits import parse_limits
from pytest_llmbench.baselines.wording import (
    change_text,
    comparison_text,
    format_value,
    judged_message,
    one_start_text,
    rule_text,
)
from pytest_llmbench.records import MetricComparison

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.records import ResultRecord, VerdictRecord

    MakeResult = Callable[..., ResultRecord]


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.01214, "s", "12.1 ms"),
        (0.00009, "s", "90.0 µs"),
        (0.09999, "s", "100 ms"),
        (1.234, "s", "1.23 s"),
        (0.0, "s", "0 ms"),
        (701.23, "tok/s", "701 tok/s"),
        (0.025, "ratio", "2.50 %"),
        (0.0, "ratio", "0 %"),
        (123456.0, "tok/s", "123456 tok/s"),
    ],
)
def test_values_are_for_people(value: float, unit: str, expected: str) -> None:
    """Three digits that mean something, in a unit that fits."""
    assert format_value(value, unit) == expected


def comparison(metric: str, before: float, now: float, limit: float = 0.1) -> MetricComparison:
    """Compare two values."""
    change = now / before - 1 if before else None
    return MetricComparison(
        metric=metric, baseline=before, candidate=now, change=change, limit=limit, verdict="regressed"
    )


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (comparison("ttft.p50", 0.0121, 0.0378), "ttft.p50 +212 % (12.1 ms -> 37.8 ms, limit +10 %)"),
        (
            comparison("throughput_output", 701, 420, 0.05),
            "throughput_output -40 % (701 tok/s -> 420 tok/s, limit -5 %)",
        ),
        (comparison("error_rate", 0.0, 0.03, 0.01), "error_rate +3 points (0 % -> 3.00 %, limit +1)"),
        (
            comparison("chunk_gap.p50", 0.0, 0.003),
            "chunk_gap.p50 up from zero (0 ms -> 3.00 ms, limit +10 %)",
        ),
        (comparison("unknown.p50", 1.0, 1.5), "unknown.p50 +50 % (1.00 -> 1.50, limit +10 %)"),
    ],
)
def test_a_comparison_is_one_clause(made: MetricComparison, expected: str) -> None:
    """Metric, change, both values and the limit in the direction that is worse."""
    assert comparison_text(made) == expected


def test_zero_that_stays_zero_has_not_changed() -> None:
    """It is not up from zero."""
    assert change_text(comparison("chunk_gap.p50", 0.0, 0.0)) == "still zero"


def worst(baseline: str = "main", **changes: object) -> VerdictRecord:
    """Judge a slow session against three, in everything that can be limited."""
    text = "ttft.p50:10%,tpot.p50:10%,e2e.p50:10%,throughput_output:10%,error_rate:1%,itl.p50:5%"
    before = {
        "ttft.p50": 0.0121,
        "e2e.p50": 0.1,
        "throughput_output": 701.0,
        "tpot.p50": 0.01,
        "itl.p50": 1.0,
    }
    now = {"ttft.p50": 0.0378, "e2e.p50": 0.1, "throughput_output": 300.0, "tpot.p50": 0.005}
    limits = parse_limits(text)
    comparisons = [
        by_threshold(limit, [before[limit.key]], now[limit.key])
        for limit in limits
        if limit.key in before and limit.key in now
    ]
    lost = [limit.key for limit in limits if limit.key in before and limit.key not in now]
    verdict = verdict_of_cell(comparisons, lost, Rules(limits), baseline=baseline, baseline_sessions=3)
    return verdict.model_copy(update=changes)


def test_the_message_has_the_metrics_in_its_first_line(make_result: MakeResult) -> None:
    """Pytest's own summary shows that line alone."""
    first, *others = judged_message(make_result(), worst()).splitlines()
    assert first == (
        "ttft.p50 +212 % (12.1 ms -> 37.8 ms, limit +10 %); "
        "throughput_output -57 % (701 tok/s -> 300 tok/s, limit -10 %)"
    )
    rest = "\n".join(others)
    assert "tiny-glm.llama.tp01.gpux00/short/c001: regressed against baseline 'main' (3 sessions)" in rest
    assert "plain threshold, not a statistical test" in rest
    assert "also compared: tpot.p50 -50 % (improved), e2e.p50 +0.0 % (pass)" in rest
    assert "itl.p50 could not be measured" in rest
    assert "nothing recorded differs" in rest
    assert "--bench-compare=main" in rest


def test_the_longest_message_has_ten_lines(make_result: MakeResult) -> None:
    """However much differs, a person reads it all."""
    verdict = worst(treatment=tuple(f"argument {n}: 1 -> 2" for n in range(20)), set_aside=("session s",))
    lines = judged_message(make_result(), verdict).splitlines()
    assert len(lines) == 10
    assert lines[-3].endswith("argument 2: 1 -> 2 (and 17 more)")
    assert lines[-1] == "if it is meant to be so, accept it: pytest -m bench --bench-save=main"


def test_what_to_do_next_measures_the_same(make_result: MakeResult) -> None:
    """With the options of this session; those that say how to compare have no place where one saves."""
    verdict = worst(treatment=("argument threads: none -> 2",))
    again = ["--bench-arg=threads=2", "--bench-requests=64", "--bench-compare-fail=ttft.p50:5%"]
    *_, rerun, accept = judged_message(make_result(), verdict, again).splitlines()
    options = "--bench-arg=threads=2 --bench-requests=64"
    assert rerun.endswith(f" {options} --bench-compare-fail=ttft.p50:5% --bench-compare=main")
    assert accept.endswith(f": pytest -m bench {options} --bench-save=main")


def test_a_report_is_not_something_to_save_under(make_result: MakeResult) -> None:
    """Compared by path, the message does not suggest saving under the path."""
    verdict = worst(baseline="results/latest/report.json", treatment=("version: b1 -> b2",))
    assert judged_message(make_result(), verdict).endswith("--bench-save=NAME")


def test_a_missing_metric_is_the_first_line_when_nothing_is_worse(make_result: MakeResult) -> None:
    """The message explains a failure by `missing` as well, and one session is one session."""
    rules = Rules(parse_limits("ttft.p50:10%"))
    verdict = verdict_of_cell([], ["ttft.p50"], rules, baseline="main", baseline_sessions=1)
    first, second, *_ = judged_message(make_result(), verdict).splitlines()
    assert first.startswith("ttft.p50 could not be measured and the baseline has it")
    assert second.endswith("missing against baseline 'main' (1 session)")


def test_statistics_are_told_with_their_certainty(make_result: MakeResult) -> None:
    """How sure, within which bounds, and what the comparison could have seen."""
    (limit,) = parse_limits("ttft.p50:3%")
    found = by_statistics(limit, Estimate(0.14, 0.02, 20.0, 0.14), 0.0121, alpha=0.0008, rule="sessions")
    verdict = verdict_of_cell([found], [], Rules((limit,)), baseline="main", baseline_sessions=10)
    first, _, third, *_ = judged_message(make_result(), verdict).splitlines()
    assert first == "ttft.p50 +15 % (12.1 ms -> 13.9 ms, +11 to +19 %, p < 1e-6)"
    assert third == (
        "decided by a t test of one session against 10 sessions, alpha 0.0008; "
        "it sees changes from ttft.p50 10.1 % on"
    )


def test_sides_are_told_as_sides(make_result: MakeResult) -> None:
    """An A/B is not accepted by saving, and can be repeated with more pairs."""
    (limit,) = parse_limits("ttft.p50:3%")
    found = by_statistics(limit, Estimate(0.14, 0.02, 4.0, 0.14), 0.0121, alpha=0.01, rule="pairs")
    verdict = verdict_of_cell([found], [], Rules((limit,)), baseline="B=arg.threads=1", baseline_sessions=1)
    text = judged_message(make_result(), verdict)
    assert "regressed against side A of this session (B=arg.threads=1)" in text
    assert "paired t test" in text
    assert "--bench-replicates=10" in text
    assert "--bench-save" not in text


def test_it_is_told_that_one_start_was_slow(make_result: MakeResult) -> None:
    """Where that kept the cell from failing, or the policy fails it all the same."""
    (limit,) = parse_limits("ttft.p50:3%")
    found = by_statistics(limit, Estimate(0.14, 0.02, 20.0, 0.012), 0.0121, alpha=0.0008, rule="sessions")
    assert one_start_text(found) == "ttft.p50 +15 %, the median start +1.2 %"
    assert one_start_text(found.model_copy(update={"rule": "pairs"})).endswith("the median pair +1.2 %")
    verdict = verdict_of_cell([found], [], Rules((limit,)), baseline="main", baseline_sessions=10)
    lines = judged_message(make_result(), verdict).splitlines()
    assert "one start decides nothing: ttft.p50 +15 %, the median start +1.2 %" in lines
    plain = by_statistics(limit, Estimate(0.14, 0.02, 20.0, 0.14), 0.0121, alpha=0.0008, rule="sessions")
    assert one_start_text(plain) == ""


def test_several_sessions_are_told_as_several() -> None:
    """`llmbench compare` judges all of a treatment together."""
    (limit,) = parse_limits("ttft.p50:3%")
    found = by_statistics(limit, Estimate(0.14, 0.02, 20.0, 0.14), 0.0121, alpha=0.0008, rule="sessions")
    verdict = verdict_of_cell([found], [], Rules((limit,)), baseline="main", baseline_sessions=10)
    several = verdict.model_copy(update={"sessions": 3})
    assert rule_text(several) == "t test of 3 sessions against 10 sessions, alpha 0.0008"
