"""The sentences of the summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.reports.findings import comparison_lines, names_of, problem_lines, unmeasured_lines
from pytest_llmbench.reports.rows import judged_cells
from tests.reports.making import compared, judged, noted, skipped, with_failures

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.records import ResultRecord, UnmeasuredRecord

    MakeResult = Callable[..., ResultRecord]

WORSE = compared("ttft.p50", 0.0121, 0.0378, "regressed")


def problems(*results: ResultRecord) -> list[str]:
    """Say what is wrong with results, as it will be printed."""
    return [f"{label}: {text}" for label, _, text in problem_lines(results, names_of(results, ()))]


def comparisons(*results: ResultRecord, unmeasured: tuple[UnmeasuredRecord, ...] = ()) -> list[str]:
    """Say how results compare, as it will be printed."""
    lines = comparison_lines(judged_cells(results), unmeasured, names_of(results, unmeasured))
    return [f"{label}: {text}" if label else f"  {text}" for label, _, text in lines]


def unmeasured(*records: UnmeasuredRecord, measured: tuple[str, ...] = ()) -> list[str]:
    """Say what was not measured, as it will be printed."""
    return [f"{label}: {text}" for label, _, text in unmeasured_lines(records, measured)]


def test_failures_are_counted_by_how_they_failed(make_result: MakeResult) -> None:
    """The most frequent way comes first, of all that was sent to the cells it happened in."""
    one = with_failures(make_result(), ("http", "HTTP 500 internal\nerror", 3), ("timeout", "", 1))
    two = with_failures(make_result(concurrency=8), ("http", "HTTP 500 internal error", 2))
    assert problems(one, two, make_result(concurrency=64)) == [
        "failed: 5 of 64 requests: http: HTTP 500 internal error (short c001, short c008)",
        "failed: 1 of 32 requests: timeout (short c001)",
    ]


def test_many_ways_to_fail_are_not_all_listed(make_result: MakeResult) -> None:
    """Thirty different messages are a few lines."""
    told = problems(with_failures(make_result(), *(("http", f"http {n}", 1) for n in range(30))))
    assert len(told) == 7
    assert told[-1] == "failed: 24 more in 24 other ways"


def test_an_invalid_result_says_its_reason_and_notes_are_shared(make_result: MakeResult) -> None:
    """Invalid comes first; the same note of many cells is one line."""
    results = [noted(make_result(concurrency=n), f"{n}0% came from the cache") for n in range(1, 4)]
    bad = noted(make_result(concurrency=9), invalid="client too slow")
    assert problems(*results, bad) == [
        "invalid: short c009: client too slow",
        "note: 10-30% came from the cache (short c001, short c002, short c003)",
    ]


def test_the_note_about_failures_is_not_repeated(make_result: MakeResult) -> None:
    """How they failed is said already."""
    result = with_failures(noted(make_result(), "3 of 32 requests failed"), ("http", "http 500", 3))
    assert problems(result) == ["failed: 3 of 32 requests: http 500 (short c001)"]


def test_a_regressed_cell_is_one_line(make_result: MakeResult) -> None:
    """It names what broke its limit, from what to what; the table has the rest."""
    verdict = judged(
        "regressed", WORSE, compared("e2e.p50", 1, 1.01), compared("tpot.p50", 1, 2, "regressed")
    )
    assert comparisons(make_result(verdict=verdict), make_result(workload="x", verdict=judged("pass"))) == [
        (
            "regressed: short c001: ttft.p50 +212 % (12.1 ms -> 37.8 ms, limit +10 %);"
            " tpot.p50 +100 % (1.00 s -> 2.00 s, limit +10 %)"
        )
    ]


def test_a_deployment_is_named_once(make_result: MakeResult) -> None:
    """Where there are several, the regressed cells stand below their deployment."""
    a, b = "a.llama.tp01.gpux00", "b.llama.tp01.gpux00"
    verdict = judged("regressed", WORSE)
    results = [make_result(deployment=a, workload=w, verdict=verdict) for w in ("short", "long")]
    change = "ttft.p50 +212 % (12.1 ms -> 37.8 ms, limit +10 %)"
    assert comparisons(*results, make_result(deployment=b, verdict=judged("pass"))) == [
        f"regressed: {a}",
        f"  short c001: {change}",
        f"  long c001: {change}",
    ]


def test_cells_the_baseline_does_not_have_share_a_line_with_the_command(make_result: MakeResult) -> None:
    """They are counted and named, and the command records them."""
    message = "not in baseline 'main'; record with: pytest -m bench --bench-save=main"
    new = judged("none", message=message)
    results = [make_result(concurrency=n, verdict=new) for n in (1, 2)]
    assert comparisons(*results, make_result(workload="x", verdict=judged("pass"))) == [
        f"not compared: 2 cells (short c001, short c002): {message}"
    ]


def test_refused_comparisons_share_a_line_with_the_facts(make_result: MakeResult) -> None:
    """Conditions differ for all cells of a host alike."""
    message = "not compared, because the conditions differ: CPU cores: 2 in the baseline, 8 now"
    verdict = judged("none", message=message)
    assert comparisons(*(make_result(concurrency=n, verdict=verdict) for n in (1, 2, 4))) == [
        "not compared: all 3 cells: the conditions differ: CPU cores: 2 in the baseline, 8 now"
    ]


def test_the_suspect_is_named_once(make_result: MakeResult) -> None:
    """What differs in treatment usually differs for all cells."""
    verdict = judged("pass", treatment=("version: 1 -> 2", "argument a: 1 -> 2", "driver: 1 -> 2", "x"))
    assert comparisons(*(make_result(concurrency=n, verdict=verdict) for n in (1, 2))) == [
        "differs: version: 1 -> 2; argument a: 1 -> 2; driver: 1 -> 2 and 1 more (all 2 cells)"
    ]


def test_a_session_that_was_set_aside_is_named(make_result: MakeResult) -> None:
    """Once, with the cells that it was not compared with; ids of two sessions are not mixed up."""
    texts = tuple(f"session 2026112{n}-1: ttft.p50 +{n}0 % in most cells" for n in (1, 2))
    verdict = judged("pass", set_aside=texts)
    assert comparisons(*(make_result(concurrency=n, verdict=verdict) for n in (1, 2))) == [
        f"set aside: {text} (all 2 cells)" for text in texts
    ]


def test_missing_cells_say_what_happened_to_them(make_result: MakeResult) -> None:
    """A cell the baseline has and nobody measured is named, and so is a metric that is gone."""
    record = skipped("glm", "needs 2 GPUs, found 0", missing=("glm/short/c001", "glm/long/c001"))
    gone = make_result(deployment="m", verdict=judged("missing", message="tpot.p50 could not be measured"))
    assert comparisons(gone, unmeasured=(record,)) == [
        "missing: glm short c001, long c001: the baseline has it; skipped: needs 2 GPUs, found 0",
        "missing: m short c001: tpot.p50 could not be measured",
    ]


def test_without_a_comparison_nothing_is_said(make_result: MakeResult) -> None:
    """A session that compared nothing has no lines about it."""
    assert comparisons(make_result()) == []


def test_skipped_deployments_are_counted_once_by_reason() -> None:
    """Fourteen deployments with two tests each are one sentence."""
    records = [
        skipped(f"m{n}", "needs 2 GPUs, found 0" if n < 9 else "needs Docker: no daemon", test)
        for n in range(14)
        for test in ("latency", "throughput")
    ]
    assert unmeasured(*records) == [
        "skipped: 14 deployments: 9 need 2 GPUs, found 0; 5 need Docker: no daemon"
    ]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("needs Docker", "skipped: 1 deployment: 1 needs Docker"),
        ("disabled here\nsecond line", "skipped: 1 deployment: 1 because: disabled here"),
        ("", "skipped: 1 deployment: 1 because: no reason given"),
    ],
)
def test_one_skipped_deployment_reads_as_one(reason: str, expected: str) -> None:
    """Numbers agree with their verbs, and a reason is its first line."""
    assert unmeasured(skipped("m", reason)) == [expected]


def test_a_skipped_test_of_a_measured_deployment_is_a_test() -> None:
    """A deployment with results was not skipped."""
    assert unmeasured(skipped("m", "needs data"), measured=("m",)) == ["skipped: 1 test: 1 needs data"]


def test_many_reasons_are_not_all_listed() -> None:
    """The rare ones are counted."""
    (line,) = unmeasured(*(skipped(f"m{n}", f"reason {n}") for n in range(20)))
    assert line.endswith("; 14 for other reasons")


def test_tests_that_failed_before_measuring_are_named() -> None:
    """A server that did not start is told apart from a skip, once for all its tests."""
    one = skipped("m", "exited with 1\n| log", outcome="error")
    assert unmeasured(one) == ["error: t[m]: exited with 1"]
    more = skipped("m", "exited with 1", "u", outcome="error")
    assert unmeasured(one, more) == ["error: 2 tests of m: exited with 1"]
