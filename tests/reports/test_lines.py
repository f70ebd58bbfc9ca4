"""The sentences of the summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.records import (
    FailureCount,
    MetricComparison,
    ResultRecord,
    UnmeasuredRecord,
    VerdictName,
    VerdictRecord,
)
from pytest_llmbench.reports.lines import comparison_lines, problem_lines, unmeasured_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeResult = Callable[..., ResultRecord]


def compared(metric: str, before: float, now: float, verdict: VerdictName) -> MetricComparison:
    """Compare with a limit of 10 %."""
    return MetricComparison(
        metric=metric, baseline=before, candidate=now, change=now / before - 1, limit=0.1, verdict=verdict
    )


def judged(verdict: VerdictName, *comparisons: MetricComparison, message: str = "") -> VerdictRecord:
    """Judge against three sessions."""
    return VerdictRecord(
        verdict=verdict,
        rule="threshold",
        baseline="main",
        baseline_sessions=3,
        comparisons=comparisons,
        message=message,
    )


def with_failures(result: ResultRecord, *failures: tuple[str, str, int]) -> ResultRecord:
    """Let requests of the result's run fail."""
    counts = tuple(FailureCount(kind=kind, message=message, count=n) for kind, message, n in failures)
    run = result.runs[0].model_copy(update={"failed": sum(f[2] for f in failures), "failures": counts})
    return result.model_copy(update={"runs": (run,)})


def skipped(deployment: str, reason: str, test: str = "t") -> UnmeasuredRecord:
    """Skip one test of a deployment."""
    return UnmeasuredRecord(
        nodeid=f"{test}[{deployment}]", deployment=deployment, outcome="skipped", reason=reason
    )


def test_failures_are_counted_by_how_they_failed(make_result: MakeResult) -> None:
    """The most frequent way comes first, and the whole is of all sent."""
    one = with_failures(make_result(), ("http", "HTTP 500 internal\nerror", 3))
    assert [text for _, text in problem_lines([one])] == [
        f"{one.cell}: 3 of 32 failed: http: HTTP 500 internal error"
    ]
    two = with_failures(make_result(), ("timeout", "", 1), ("broken", "stream broken off", 4))
    assert problem_lines([two])[0][1].endswith("5 of 32 failed: stream broken off (4), timeout (1)")


def test_many_ways_to_fail_are_not_all_listed(make_result: MakeResult) -> None:
    """Thirty different messages are one line."""
    result = with_failures(make_result(), *(("http", f"http {n}", 1) for n in range(30)))
    (line,) = problem_lines([result])
    assert line[1].endswith("26 other ways")


def test_an_invalid_result_says_its_reason_and_notes_are_shared(make_result: MakeResult) -> None:
    """Invalid comes first; the same note of many cells is one line."""
    noted = [make_result(concurrency=n) for n in range(1, 9)]
    noted = [
        r.model_copy(update={"validity": r.validity.model_copy(update={"notes": ("user-space clock",)})})
        for r in noted
    ]
    bad = noted[0].validity.model_copy(update={"valid": False, "reasons": ("client too slow",)})
    noted[0] = noted[0].model_copy(update={"validity": bad})
    lines = problem_lines(noted)
    assert lines[0] == ("invalid", f"invalid: {noted[0].cell}: client too slow")
    assert len(lines) == 2
    assert lines[1][1].endswith("and 5 more cells: user-space clock")


def test_without_a_comparison_nothing_is_said(make_result: MakeResult) -> None:
    """A session that compared nothing has no lines about it."""
    assert comparison_lines([make_result()]) == []


def test_comparisons_name_the_regressed_first_and_the_rule(make_result: MakeResult) -> None:
    """The heading counts verdicts and says what kind of rule decided."""
    passed = make_result(verdict=judged("pass", compared("ttft.p50", 0.01, 0.0101, "pass")))
    better = make_result(concurrency=8, verdict=judged("improved", compared("e2e.p50", 0.2, 0.1, "improved")))
    worse = make_result(
        concurrency=64,
        verdict=judged(
            "regressed",
            compared("ttft.p50", 0.0121, 0.0378, "regressed"),
            compared("tpot.p50", 0.001, 0.00101, "pass"),
        ),
    )
    texts = [text for _, text in comparison_lines([passed, better, worse])]
    assert texts == [
        (
            "compared with baseline 'main' (plain threshold, not a statistical test): "
            "1 regressed, 1 improved, 1 pass"
        ),
        f"regressed: {worse.cell}: ttft.p50 +212 % (12.1 ms -> 37.8 ms, limit +10 %)",
        f"improved: {better.cell}: e2e.p50 -50 % (200 ms -> 100 ms, limit +10 %)",
        f"within limits: {passed.cell} (3 sessions): ttft.p50 +1.0 %",
        f"within limits: {worse.cell} (3 sessions): tpot.p50 +1.0 %",
    ]


def test_cells_the_baseline_does_not_have_share_a_line_with_the_command(make_result: MakeResult) -> None:
    """They are counted and named, and the command records them."""
    message = "not in baseline 'main'; record with: pytest -m bench --bench-save=main"
    verdict = VerdictRecord(verdict="none", baseline="main", message=message)
    results = [make_result(concurrency=n, verdict=verdict) for n in (1, 2)]
    heading, line = comparison_lines(results)
    assert heading[1].endswith(": 2 not compared")
    assert line[1] == f"not compared: {results[0].cell}, {results[1].cell}: {message}"


def test_missing_cells_say_what_happened_to_them(make_result: MakeResult) -> None:
    """A cell the baseline has and nobody measured is named, and so is a metric that is gone."""
    record = skipped("glm", "needs 2 GPUs, found 0").model_copy(update={"missing": ("glm/short/c1",)})
    gone = make_result(verdict=judged("missing", message="tpot.p50 could not be measured"))
    texts = [text for style, text in comparison_lines([gone], [record]) if style == "missing"]
    assert texts == [
        "missing: glm/short/c1: the baseline has it; skipped: needs 2 GPUs, found 0",
        f"missing: {gone.cell}: tpot.p50 could not be measured",
    ]
    assert len(comparison_lines([], [record])) == 1


def test_many_comparisons_end_with_where_the_others_are(make_result: MakeResult) -> None:
    """A hundred cells are not a hundred lines."""
    verdict = judged("pass", compared("ttft.p50", 0.01, 0.0101, "pass"))
    lines = comparison_lines([make_result(concurrency=n, verdict=verdict) for n in range(1, 101)])
    assert len(lines) < 30
    assert lines[-1][1] == "and 77 more comparisons: see the report"


def test_skipped_deployments_are_counted_once_by_reason() -> None:
    """Fourteen deployments with two tests each are one sentence."""
    records = [
        skipped(f"m{n}", "needs 2 GPUs, found 0" if n < 9 else "needs Docker: no daemon", test)
        for n in range(14)
        for test in ("latency", "throughput")
    ]
    assert unmeasured_lines(records) == [
        ("none", "14 deployments skipped: 9 need 2 GPUs, found 0; 5 need Docker: no daemon")
    ]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("needs Docker", "1 deployment skipped: 1 needs Docker"),
        ("disabled here\nsecond line", "1 deployment skipped: 1 because: disabled here"),
        ("", "1 deployment skipped: 1 because: no reason given"),
    ],
)
def test_one_skipped_deployment_reads_as_one(reason: str, expected: str) -> None:
    """Numbers agree with their verbs, and a reason is its first line."""
    assert unmeasured_lines([skipped("m", reason)]) == [("none", expected)]


def test_a_skipped_test_of_a_measured_deployment_is_a_test() -> None:
    """A deployment with results was not skipped."""
    assert unmeasured_lines([skipped("m", "needs data")], {"m"}) == [("none", "1 test skipped: 1 needs data")]


def test_many_reasons_are_not_all_listed() -> None:
    """The rare ones are counted."""
    (line,) = unmeasured_lines([skipped(f"m{n}", f"reason {n}") for n in range(20)])
    assert line[1].endswith("; 14 for other reasons")


def test_a_test_that_failed_before_measuring_is_named() -> None:
    """A server that did not start is told apart from a skip."""
    record = UnmeasuredRecord(nodeid="t[m]", deployment="m", outcome="error", reason="exited with 1\n| log")
    assert unmeasured_lines([record]) == [("regressed", "error: t[m]: exited with 1")]
