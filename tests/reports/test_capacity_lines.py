"""What the summary says of a search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmbench.records import ProbeRecord, SearchRecord
from pytest_llmbench.reports.capacity_lines import capacity_lines
from pytest_llmbench.reports.findings import names_of
from pytest_llmbench.reports.terminal import render_summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.records import ResultRecord
    from pytest_llmbench.reports.document import Document

    MakeResult = Callable[..., ResultRecord]

LATE = "ttft.p99 was 612ms, above 500ms"


def search(*curve: tuple[float, str], **changes: object) -> SearchRecord:
    """Make a search; a probe is its load and why that was too much."""
    probes = [
        ProbeRecord(load=load, met=not why, valid=True, metrics={}, reasons=(why,) if why else ())
        for load, why in curve
    ]
    fields: dict[str, Any] = {
        "by": "concurrency",
        "slos": ("ttft.p99=500ms",),
        "best": max((probe.load for probe in probes if probe.met), default=None),
        "stop": "resolution",
        "curve": tuple(probes),
    }
    return SearchRecord(**{**fields, **changes})


def told(*results: ResultRecord) -> list[str]:
    """Say it as it will be printed."""
    lines = capacity_lines(results, names_of(results, ()))
    return [f"{label}: {text}" if label else f"  {text}" for label, _, text in lines]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (
            search((4, ""), (8, LATE), (5, LATE)),
            f"4 streams meet ttft.p99=500ms; 5 do not: {LATE}",
        ),
        (search((1, ""), (2, LATE)), f"1 stream meets ttft.p99=500ms; 2 do not: {LATE}"),
        (
            search((8.0, ""), (8.3333333, LATE), by="rate"),
            f"8 req/s meet ttft.p99=500ms; 8.333 do not: {LATE}",
        ),
        (
            search((1, LATE), (2, "no answer"), stop="none", notes=("no load met the SLOs; 1, the lowest",)),
            f"none from 1 stream on meets ttft.p99=500ms: {LATE}",
        ),
        (
            search(
                (128, ""),
                (256, ""),
                stop="high",
                slos=("ttft.p99=500ms", "itl.p95=50ms"),
                notes=("256 met the SLOs and is the highest load that was allowed: the limit may lie above",),
            ),
            (
                "ttft.p99=500ms, itl.p95=50ms still met at 256 streams, the end of the range;"
                " the limit may lie above"
            ),
        ),
        (search((4, ""), stop="probes"), "4 streams meet ttft.p99=500ms"),
    ],
)
def test_one_line_a_search(make_result: MakeResult, found: SearchRecord, text: str) -> None:
    """The load, the service levels, and the least that was too much; its notes do not repeat it."""
    assert told(make_result(search=found)) == [f"capacity: short: {text}"]


def test_a_failure_below_the_best_is_no_limit(make_result: MakeResult) -> None:
    """It is told as a note, and the limit is above the best."""
    note = "more load was not always worse: 8 met the SLOs, 4 did not: late"
    found = search((2, ""), (4, "late"), (8, ""), (9, LATE), notes=(note,))
    assert told(make_result(search=found)) == [
        f"capacity: short: 8 streams meet ttft.p99=500ms; 9 do not: {LATE}",
        f"  {note}",
    ]


def test_deployments_and_replicates_are_named(make_result: MakeResult) -> None:
    """Where there are several; results of no search have no line."""
    found = search((4, ""), (5, LATE))
    lines = told(
        make_result(deployment="a", search=found),
        make_result(deployment="a", search=found, replicate=2),
        make_result(deployment="b"),
    )
    assert [line.partition(": ")[2].partition(":")[0] for line in lines] == ["a short r01", "a short r02"]


def test_is_in_the_summary(make: Callable[..., Document], make_result: MakeResult) -> None:
    """The terminal shows it below the tables."""
    summary = render_summary(make(make_result(search=search((4, ""), (5, LATE)))))
    assert "\ncapacity: short: 4 streams meet ttft.p99=500ms; 5 do not:" in summary
